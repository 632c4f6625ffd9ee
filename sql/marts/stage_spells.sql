-- Title:   Time in a stage until its exit
-- Meaning: When each stage was first worked and when its exit was met with evidence that counts.
--          Without an exit the last attended session is when care ended, and care_ended says so. An
--          exit is recorded for the session's own stage, which that session works: no exit can
--          come before its stage was worked, and a stage that was never worked has no row.
-- Grain:   one row for each episode of the study population and stage worked
-- Kind:    view
-- Reads:   concepts.session_progress, concepts.study_population
-- Source:  study definitions, "Adherence, session by session"
WITH days AS (
    SELECT
        episode_key,
        max(day) AS last_session_day,
        min(CASE WHEN (worked_set & 1) <> 0 THEN day END) AS worked_1,
        min(CASE WHEN (worked_set & 2) <> 0 THEN day END) AS worked_2,
        min(CASE WHEN (worked_set & 4) <> 0 THEN day END) AS worked_3,
        min(CASE WHEN (worked_set & 8) <> 0 THEN day END) AS worked_4,
        min(CASE WHEN (worked_set & 16) <> 0 THEN day END) AS worked_5,
        min(CASE WHEN (completed_set & 1) <> 0 THEN day END) AS exit_1,
        min(CASE WHEN (completed_set & 2) <> 0 THEN day END) AS exit_2,
        min(CASE WHEN (completed_set & 4) <> 0 THEN day END) AS exit_3,
        min(CASE WHEN (completed_set & 8) <> 0 THEN day END) AS exit_4,
        min(CASE WHEN (completed_set & 16) <> 0 THEN day END) AS exit_5
    FROM concepts.session_progress
    GROUP BY episode_key
),

spells AS (
    SELECT
        days.episode_key,
        stages.stage,
        days.last_session_day,
        CASE stages.stage
            WHEN 1 THEN days.worked_1
            WHEN 2 THEN days.worked_2
            WHEN 3 THEN days.worked_3
            WHEN 4 THEN days.worked_4
            ELSE days.worked_5
        END AS first_worked_day,
        CASE stages.stage
            WHEN 1 THEN days.exit_1
            WHEN 2 THEN days.exit_2
            WHEN 3 THEN days.exit_3
            WHEN 4 THEN days.exit_4
            ELSE days.exit_5
        END AS exit_day
    FROM days
    CROSS JOIN (VALUES (1), (2), (3), (4), (5)) AS stages (stage)
)

SELECT
    spells.episode_key,
    population.patient_key,
    population.clinic_id,
    spells.stage,
    spells.first_worked_day,
    spells.exit_day,
    spells.last_session_day,
    spells.exit_day IS NULL AS care_ended
FROM spells
INNER JOIN concepts.study_population AS population
    ON spells.episode_key = population.episode_key
WHERE population.is_in_study AND spells.first_worked_day IS NOT NULL
ORDER BY spells.episode_key, spells.stage
