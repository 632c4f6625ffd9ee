-- Title:   Progress, session by session
-- Meaning: The attended sessions of an episode in order, with what had been worked and completed
--          before each and by its end. Completion is sticky, and an exit met in a session counts
--          for the stages worked in it, hence completed_set (by its end) beside
--          completed_set_before; seen_set holds the stages worked so far. Sets of stages are sums
--          of 1, 2, 4, 8, 16 for the stages 1 to 5.
--          earlier_visits says how many earlier sessions worked each stage, five counts in one
--          number: visits of stage 1, plus 4096 times those of stage 2, and so on by powers of
--          4096, so that earlier_visits // 4096 % 4096 are those of stage 2. (No count can reach
--          4096 with less than a session on every day of ten years.)
--          All orders share this table, because none of it depends on an order. Whole numbers are
--          kept as INTEGER, which takes half the time to store that narrower ones take.
-- Grain:   one row for each attended session; session_number counts from 1 by day, sequence and
--          session_id (sessions of one day without a sequence come first, see moment in
--          staging.attended_sessions)
-- Reads:   staging.attended_sessions
-- Source:  study definitions, "Adherence, session by session"
WITH numbered AS (
    SELECT
        episode_key,
        session_key,
        day,
        stage,
        worked_set,
        met_set,
        pain_nrs,
        flexibility_pct,
        strength_pct,
        endurance_pct,
        alignment_deg,
        row_number() OVER in_order AS session_number,
        lag(stage) OVER in_order AS previous_stage,
        lag(has_exit_evidence) OVER in_order AS previous_has_exit_evidence,
        lead(day) OVER in_order AS next_day,
        -- Two sets in one number, so that both are carried along in one walk.
        bit_or(32 * CAST(worked_set AS SMALLINT) + met_set) OVER earlier AS earlier_sets,
        sum(visits) OVER earlier AS earlier_visits,
        last_value(pain_nrs IGNORE NULLS) OVER so_far AS last_pain_nrs
    FROM staging.attended_sessions
    WINDOW
        in_order AS (
            PARTITION BY episode_key
            ORDER BY moment, session_id
        ),
        earlier AS (
            PARTITION BY episode_key
            ORDER BY moment, session_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ),
        so_far AS (
            PARTITION BY episode_key
            ORDER BY moment, session_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
)

SELECT
    episode_key,
    CAST(session_number AS INTEGER) AS session_number,
    session_key,
    CAST(day AS INTEGER) AS day,
    CAST(next_day AS INTEGER) AS next_day,
    CAST(stage AS INTEGER) AS stage,
    CAST(previous_stage AS INTEGER) AS previous_stage,
    CAST(worked_set AS INTEGER) AS worked_set,
    CAST(coalesce(earlier_sets, 0) % 32 AS INTEGER) AS completed_set_before,
    CAST(coalesce(earlier_sets, 0) % 32 | met_set AS INTEGER) AS completed_set,
    CAST(coalesce(earlier_sets, 0) // 32 | worked_set AS INTEGER) AS seen_set,
    CAST(coalesce(earlier_visits, 0) AS BIGINT) AS earlier_visits,
    previous_has_exit_evidence,
    last_pain_nrs,
    pain_nrs,
    flexibility_pct,
    strength_pct,
    endurance_pct,
    alignment_deg
FROM numbered
