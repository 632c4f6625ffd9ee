-- Title:   Sessions at which advancing early was possible
-- Meaning: Attended sessions up to and including the first violation, as long as some stage still
--          waited for another to be completed. stage_due is the lowest-ranked stage not completed
--          before the session (of equal rank, the lowest number), visits_in_stage how many
--          earlier sessions worked it, as their stage or as a further one (twelve bits of
--          earlier_visits for each stage).
-- Grain:   one row for each order, episode of the study population and such session
-- Kind:    view
-- Reads:   concepts.session_progress, concepts.stage_sets, concepts.stages_due,
--          concepts.first_violations, concepts.study_population, protocol.orders
-- Source:  study definitions, "Effect: the target trial"
-- The stages that any other stage waits for.
WITH waited_for AS (
    SELECT
        order_number,
        required_set
    FROM concepts.stage_sets
    WHERE stage_set = 31
),

possible AS (
    SELECT
        due.order_number,
        sessions.episode_key,
        sessions.session_number,
        sessions.day,
        due.stage_due,
        sessions.earlier_visits >> (12 * (due.stage_due - 1)) & 4095 AS visits_in_stage,
        sessions.pain_nrs,
        sessions.last_pain_nrs
    FROM concepts.session_progress AS sessions
    INNER JOIN concepts.stages_due AS due
        ON sessions.completed_set_before = due.stage_set
    INNER JOIN waited_for
        ON due.order_number = waited_for.order_number
    WHERE (waited_for.required_set & sessions.completed_set_before) <> waited_for.required_set
)

SELECT
    orders.order_name,
    possible.episode_key,
    possible.session_number,
    possible.day,
    possible.stage_due,
    CAST(possible.visits_in_stage AS INTEGER) AS visits_in_stage,
    possible.pain_nrs,
    possible.last_pain_nrs,
    coalesce(possible.session_number = violations.first_violation_session_number, FALSE)
        AS is_violation
FROM possible
INNER JOIN protocol.orders AS orders
    ON possible.order_number = orders.order_number
INNER JOIN concepts.study_population AS population
    ON possible.episode_key = population.episode_key
LEFT JOIN concepts.first_violations AS violations
    ON
        possible.episode_key = violations.episode_key
        AND possible.order_number = violations.order_number
WHERE
    population.is_in_study
    AND possible.session_number
    <= coalesce(violations.first_violation_session_number, possible.session_number)
ORDER BY possible.order_number, possible.episode_key, possible.session_number
