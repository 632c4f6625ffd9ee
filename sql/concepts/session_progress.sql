-- Title:   Progress, session by session
-- Meaning: The attended sessions of an episode in order, with what had been worked and completed
--          before each and by its end. Completion is sticky, and an exit met in a session counts
--          for the stages worked in it, hence completed_set (by its end) beside
--          completed_set_before. Sets of stages are sums of 1, 2, 4, 8, 16 for the stages 1 to 5.
--          How many earlier sessions had which stage is kept in two numbers with six digits for
--          each stage: earlier_1_to_3 = 2000005 says five of stage 1 and two of stage 2.
--          All orders share this table, because none of it depends on an order.
-- Grain:   one row for each attended session; session_number counts from 1 by day, sequence and
--          session_id (sessions of one day without a sequence come first)
-- Reads:   staging.attended_sessions
-- Source:  study definitions, "Adherence, session by session"
WITH numbered AS (
    SELECT
        episode_key,
        session_key,
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
        lead(day) OVER in_order AS next_day,
        bit_or(met_set) OVER earlier AS met_before,
        bit_or(worked_set) OVER earlier AS worked_before,
        sum(CASE stage WHEN 1 THEN 1 WHEN 2 THEN 1000000 WHEN 3 THEN 1000000000000 ELSE 0 END)
            OVER earlier AS earlier_1_to_3,
        sum(CASE stage WHEN 4 THEN 1 WHEN 5 THEN 1000000 ELSE 0 END)
            OVER earlier AS earlier_4_to_5,
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
    session_key,
    day,
    next_day,
    stage,
    previous_stage,
    stage_bit,
    worked_set,
    CAST(coalesce(met_before, 0) AS TINYINT) AS completed_set_before,
    CAST(coalesce(met_before, 0) | met_set AS TINYINT) AS completed_set,
    CAST(coalesce(worked_before, 0) | worked_set AS TINYINT) AS seen_set,
    CAST(coalesce(earlier_1_to_3, 0) AS BIGINT) AS earlier_1_to_3,
    CAST(coalesce(earlier_4_to_5, 0) AS BIGINT) AS earlier_4_to_5,
    has_exit_evidence,
    previous_has_exit_evidence,
    last_pain_nrs,
    pain_nrs,
    flexibility_pct,
    strength_pct,
    endurance_pct,
    alignment_deg
FROM numbered
