-- Title:   Sessions after which a person might not have come back
-- Meaning: Days with an attended session by the end of which stage 5 is not completed, up to and
--          including the one that began the first long gap. is_left says that no session followed
--          within the protocol's longest gap; it is decided on decided_day, when that gap has
--          passed. stage_due is the lowest-ranked stage of the primary order not completed by the
--          end of the day (of equal rank, the lowest number), visits_in_stage how many earlier
--          sessions worked it; session_number is that of the day's last session.
--          has_violated says that the primary order had been broken by then.
-- Grain:   one row for each episode of the study population and such day
-- Kind:    view
-- Reads:   concepts.session_progress, concepts.stages_due, concepts.first_violations,
--          concepts.study_population, protocol.parameters
-- Source:  study definitions, "Effect: the target trial"
WITH days_in_care AS (
    SELECT
        sessions.episode_key,
        due.order_number,
        sessions.session_number,
        sessions.day,
        sessions.day + parameters.longest_gap_days AS decided_day,
        due.stage_due,
        sessions.earlier_visits >> (12 * (due.stage_due - 1)) & 4095 AS visits_in_stage,
        sessions.pain_nrs,
        sessions.last_pain_nrs,
        coalesce(sessions.next_day > sessions.day + parameters.longest_gap_days, TRUE) AS is_left
    FROM concepts.session_progress AS sessions
    CROSS JOIN protocol.parameters AS parameters
    INNER JOIN concepts.stages_due AS due
        ON
            parameters.primary_order = due.order_name
            AND sessions.completed_set = due.stage_set
    WHERE
        (sessions.completed_set & 16) = 0
        AND (sessions.next_day IS NULL OR sessions.next_day > sessions.day)
),

with_first_gap AS (
    SELECT
        days_in_care.*,
        min(CASE WHEN is_left THEN session_number END) OVER (PARTITION BY episode_key)
            AS first_gap_session_number
    FROM days_in_care
)

SELECT
    days.episode_key,
    days.session_number,
    days.day,
    CAST(days.decided_day AS INTEGER) AS decided_day,
    days.stage_due,
    CAST(days.visits_in_stage AS INTEGER) AS visits_in_stage,
    coalesce(violations.first_violation_session_number <= days.session_number, FALSE)
        AS has_violated,
    days.pain_nrs,
    days.last_pain_nrs,
    days.is_left
FROM with_first_gap AS days
INNER JOIN concepts.study_population AS population
    ON days.episode_key = population.episode_key
LEFT JOIN concepts.first_violations AS violations
    ON
        days.episode_key = violations.episode_key
        AND days.order_number = violations.order_number
WHERE
    population.is_in_study
    AND days.session_number <= coalesce(days.first_gap_session_number, days.session_number)
ORDER BY days.episode_key, days.session_number
