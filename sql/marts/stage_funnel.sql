-- Title:   How far episodes get
-- Meaning: How many episodes of the study population, and of how many people, ever worked a stage
--          and ever completed it. clinic_id is null for all clinics together.
-- Grain:   one row for each clinic (and all) and stage
-- Reads:   concepts.study_population, concepts.episode_progress, protocol.stage_order,
--          protocol.parameters
-- Source:  study definitions, "Adherence, session by session"
-- Episodes and people alike are first counted by the sets of stages they worked and completed.
WITH episodes AS (
    SELECT
        population.clinic_id,
        population.patient_key,
        progress.worked_set,
        progress.completed_set
    FROM concepts.study_population AS population
    INNER JOIN concepts.episode_progress AS progress
        ON population.episode_key = progress.episode_key
    WHERE population.is_in_study
),

people AS (
    SELECT
        clinic_id,
        bit_or(worked_set) AS worked_set,
        bit_or(completed_set) AS completed_set
    FROM episodes
    GROUP BY GROUPING SETS ((clinic_id, patient_key), (patient_key))
),

counts AS (
    SELECT
        clinic_id,
        worked_set,
        completed_set,
        count(*) AS episodes_count,
        0 AS patients_count
    FROM episodes
    GROUP BY GROUPING SETS ((clinic_id, worked_set, completed_set), (worked_set, completed_set))
    UNION ALL
    SELECT
        clinic_id,
        worked_set,
        completed_set,
        0 AS episodes_count,
        count(*) AS patients_count
    FROM people
    GROUP BY clinic_id, worked_set, completed_set
),

reached AS (
    SELECT
        counts.clinic_id,
        stages.stage,
        counts.episodes_count,
        counts.patients_count,
        (counts.worked_set & stages.stage_bit) <> 0 AS is_worked,
        (counts.completed_set & stages.stage_bit) <> 0 AS is_completed
    FROM counts
    CROSS JOIN protocol.parameters AS parameters
    INNER JOIN protocol.stage_order AS stages
        ON parameters.primary_order = stages.order_name
)

SELECT
    clinic_id,
    stage,
    CAST(sum(CASE WHEN is_worked THEN episodes_count ELSE 0 END) AS BIGINT) AS episodes_worked,
    CAST(sum(CASE WHEN is_completed THEN episodes_count ELSE 0 END) AS BIGINT)
        AS episodes_completed,
    CAST(sum(CASE WHEN is_worked THEN patients_count ELSE 0 END) AS BIGINT) AS patients_worked,
    CAST(sum(CASE WHEN is_completed THEN patients_count ELSE 0 END) AS BIGINT)
        AS patients_completed
FROM reached
GROUP BY clinic_id, stage
ORDER BY clinic_id NULLS FIRST, stage
