-- Title:   Sessions at which skipping a stage was possible
-- Meaning: Attended sessions up to and including the first skip under the primary order (a stage
--          is worked while one of lower rank has never been worked before or in that session; exits
--          play no part), as long as some stage that others come after had never been worked.
--          stage_due is the lowest-ranked stage never worked before the session, stage_reached the
--          highest-ranked one that was (of equal rank, the lowest and the highest number),
--          visits_in_stage how many earlier sessions worked stage_reached, is_reached_completed
--          whether its exit had been met; at the first session nothing has been reached.
--          has_violated says that the primary order had been broken before.
-- Grain:   one row for each episode of the study population and such session
-- Kind:    view
-- Reads:   concepts.session_progress, concepts.stage_sets, concepts.stages_due,
--          concepts.first_violations, concepts.study_population, protocol.parameters,
--          protocol.stage_order
-- Source:  study definitions, "Effect: the target trial"
WITH stages AS (
    SELECT
        stage_order.order_number,
        stage_order.stage,
        stage_order.stage_bit,
        stage_order.stage_rank
    FROM protocol.parameters AS parameters
    INNER JOIN protocol.stage_order AS stage_order
        ON parameters.primary_order = stage_order.order_name
),

stages_reached AS (
    SELECT
        sets.stage_set AS seen_set,
        max_by(stages.stage, 10 * stages.stage_rank + stages.stage) AS stage_reached
    FROM concepts.stage_sets AS sets
    INNER JOIN stages
        ON sets.order_number = stages.order_number AND (sets.stage_set & stages.stage_bit) <> 0
    GROUP BY sets.stage_set
),

-- The stages that any other stage comes after.
come_first AS (
    SELECT DISTINCT
        sets.order_number,
        sets.required_set
    FROM concepts.stage_sets AS sets
    INNER JOIN stages
        ON sets.order_number = stages.order_number
    WHERE sets.stage_set = 31
),

sessions AS (
    SELECT
        episode_key,
        session_number,
        day,
        completed_set_before,
        earlier_visits,
        pain_nrs,
        last_pain_nrs,
        CASE WHEN (earlier_visits & 4095) <> 0 THEN 1 ELSE 0 END
        + CASE WHEN (earlier_visits >> 12 & 4095) <> 0 THEN 2 ELSE 0 END
        + CASE WHEN (earlier_visits >> 24 & 4095) <> 0 THEN 4 ELSE 0 END
        + CASE WHEN (earlier_visits >> 36 & 4095) <> 0 THEN 8 ELSE 0 END
        + CASE WHEN (earlier_visits >> 48) <> 0 THEN 16 ELSE 0 END AS seen_set_before
    FROM concepts.session_progress
),

possible AS (
    SELECT
        sessions.episode_key,
        come_first.order_number,
        sessions.session_number,
        sessions.day,
        due.stage_due,
        reached.stage_reached,
        coalesce(sessions.earlier_visits >> (12 * (reached.stage_reached - 1)) & 4095, 0)
            AS visits_in_stage,
        coalesce((sessions.completed_set_before >> (reached.stage_reached - 1) & 1) = 1, FALSE)
            AS is_reached_completed,
        sessions.pain_nrs,
        sessions.last_pain_nrs
    FROM sessions
    CROSS JOIN come_first
    INNER JOIN concepts.stages_due AS due
        ON
            come_first.order_number = due.order_number
            AND sessions.seen_set_before = due.stage_set
    LEFT JOIN stages_reached AS reached
        ON sessions.seen_set_before = reached.seen_set
    WHERE (come_first.required_set & sessions.seen_set_before) <> come_first.required_set
)

SELECT
    possible.episode_key,
    possible.session_number,
    possible.day,
    possible.stage_due,
    possible.stage_reached,
    CAST(possible.visits_in_stage AS INTEGER) AS visits_in_stage,
    possible.is_reached_completed,
    coalesce(violations.first_violation_session_number < possible.session_number, FALSE)
        AS has_violated,
    possible.pain_nrs,
    possible.last_pain_nrs,
    coalesce(possible.session_number = violations.first_skip_session_number, FALSE) AS is_skip
FROM possible
INNER JOIN concepts.study_population AS population
    ON possible.episode_key = population.episode_key
LEFT JOIN concepts.first_violations AS violations
    ON
        possible.episode_key = violations.episode_key
        AND possible.order_number = violations.order_number
WHERE
    population.is_in_study
    AND possible.session_number
    <= coalesce(violations.first_skip_session_number, possible.session_number)
ORDER BY possible.episode_key, possible.session_number
