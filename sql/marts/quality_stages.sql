-- Title:   Stages in the cohorts of the quality review
-- Meaning: Of the episodes that began in a month or a quarter: how many had an attended session of
--          the stage and how many such sessions (visits) they had, by the session's own stage; how
--          many stays in the stage ended with its exit met, and how many days those stays took,
--          from the first day the stage was worked to that of the exit. patients_in_stage and
--          patients_exited are the people behind either. clinic_id is null for all together.
-- Grain:   one row for each clinic (and all), month or quarter of start, and stage, of the study
--          population
-- Kind:    view
-- Reads:   marts.episode_baseline, marts.stage_spells, concepts.episode_progress
-- Source:  study definitions, "Adherence, session by session"
WITH stays AS (
    SELECT
        baseline.clinic_id,
        baseline.patient_key,
        baseline.start_month,
        substr(baseline.start_month, 1, 4) || '-Q'
        || (CAST(substr(baseline.start_month, 6, 2) AS INTEGER) + 2) // 3 AS start_quarter,
        spells.stage,
        progress.sessions_by_stage >> (12 * (spells.stage - 1)) & 4095 AS visits,
        spells.exit_day - spells.first_worked_day AS days
    FROM marts.stage_spells AS spells
    INNER JOIN marts.episode_baseline AS baseline
        ON spells.episode_key = baseline.episode_key
    INNER JOIN concepts.episode_progress AS progress
        ON spells.episode_key = progress.episode_key
),

people AS (
    SELECT
        clinic_id,
        coalesce(start_month, start_quarter) AS period,
        start_month IS NULL AS is_quarter,
        stage,
        count(CASE WHEN visits > 0 THEN 1 END) AS episodes_in_stage,
        sum(visits) AS visits,
        count(days) AS exited_stays,
        coalesce(sum(days), 0) AS exited_days
    FROM stays
    GROUP BY
        GROUPING SETS (
            (clinic_id, start_month, stage, patient_key),
            (start_month, stage, patient_key),
            (clinic_id, start_quarter, stage, patient_key),
            (start_quarter, stage, patient_key)
        )
)

SELECT
    clinic_id,
    period,
    is_quarter,
    stage,
    CAST(sum(episodes_in_stage) AS BIGINT) AS episodes_in_stage,
    CAST(sum(visits) AS BIGINT) AS visits,
    CAST(sum(exited_stays) AS BIGINT) AS exited_stays,
    CAST(sum(exited_days) AS BIGINT) AS exited_days,
    count(CASE WHEN visits > 0 THEN 1 END) AS patients_in_stage,
    count(CASE WHEN exited_stays > 0 THEN 1 END) AS patients_exited
FROM people
GROUP BY clinic_id, period, is_quarter, stage
ORDER BY clinic_id NULLS FIRST, is_quarter, period, stage
