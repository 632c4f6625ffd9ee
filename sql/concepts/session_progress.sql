-- Title:   Progress, session by session
-- Meaning: The attended sessions of an episode in order, with what had been completed and worked
--          before each and by its end. Completion is sticky, and an exit met in a session counts
--          for the stages worked in it, hence completed_set (by its end) beside
--          completed_set_before. Sets of stages are sums of 1, 2, 4, 8, 16 for the stages 1 to 5.
--          All orders share this table, because none of it depends on an order.
-- Grain:   one row for each attended session; session_number counts from 1 by day, sequence and
--          session_id (sessions of one day without a sequence come first)
-- Reads:   staging.attended_sessions
-- Source:  study definitions, "Adherence, session by session"
WITH numbered AS (
    SELECT
        episode_key,
        session_id,
        day,
        stage,
        stage_bit,
        worked_set,
        met_set,
        has_exit_evidence,
        pain_nrs,
        flexibility_pct,
        strength_pct,
        endurance_pct,
        alignment_deg,
        row_number() OVER in_order AS session_number,
        lag(stage) OVER in_order AS previous_stage,
        lag(has_exit_evidence) OVER in_order AS previous_has_exit_evidence,
        coalesce(bit_or(met_set) OVER earlier, 0) AS completed_set_before,
        coalesce(bit_or(worked_set) OVER earlier, 0) AS seen_set_before,
        count(CASE WHEN (worked_set & 1) <> 0 THEN 1 END) OVER earlier AS visits_before_1,
        count(CASE WHEN (worked_set & 2) <> 0 THEN 1 END) OVER earlier AS visits_before_2,
        count(CASE WHEN (worked_set & 4) <> 0 THEN 1 END) OVER earlier AS visits_before_3,
        count(CASE WHEN (worked_set & 8) <> 0 THEN 1 END) OVER earlier AS visits_before_4,
        count(CASE WHEN (worked_set & 16) <> 0 THEN 1 END) OVER earlier AS visits_before_5,
        last_value(pain_nrs IGNORE NULLS) OVER so_far AS last_pain_nrs
    FROM staging.attended_sessions
    WINDOW
        in_order AS (
            PARTITION BY episode_key
            ORDER BY day, sequence NULLS FIRST, session_id
        ),
        earlier AS (
            PARTITION BY episode_key
            ORDER BY day, sequence NULLS FIRST, session_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ),
        so_far AS (
            PARTITION BY episode_key
            ORDER BY day, sequence NULLS FIRST, session_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
)

SELECT
    episode_key,
    CAST(session_number AS INTEGER) AS session_number,
    session_id,
    day,
    stage,
    previous_stage,
    stage_bit,
    worked_set,
    completed_set_before,
    completed_set_before | met_set AS completed_set,
    seen_set_before | worked_set AS seen_set,
    has_exit_evidence,
    previous_has_exit_evidence,
    visits_before_1,
    visits_before_2,
    visits_before_3,
    visits_before_4,
    visits_before_5,
    last_pain_nrs,
    pain_nrs,
    flexibility_pct,
    strength_pct,
    endurance_pct,
    alignment_deg
FROM numbered
