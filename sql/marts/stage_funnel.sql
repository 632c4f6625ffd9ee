-- Title:   How far episodes get
-- Meaning: How many episodes of the study population, and of how many people, ever worked a stage
--          and ever completed it. clinic_id is null for all clinics together.
-- Grain:   one row for each clinic (and all) and stage
-- Reads:   concepts.study_population, concepts.episode_progress, protocol.stage_order,
--          protocol.parameters
-- Source:  study definitions, "Adherence, session by session"
WITH reached AS (
    SELECT
        population.clinic_id,
        population.patient_key,
        stages.stage,
        (progress.worked_set & stages.stage_bit) <> 0 AS is_worked,
        (progress.completed_set & stages.stage_bit) <> 0 AS is_completed
    FROM concepts.study_population AS population
    INNER JOIN concepts.episode_progress AS progress
        ON population.episode_key = progress.episode_key
    CROSS JOIN protocol.parameters AS parameters
    INNER JOIN protocol.stage_order AS stages
        ON parameters.primary_order = stages.order_name
    WHERE population.is_in_study
)

SELECT
    clinic_id,
    stage,
    count(CASE WHEN is_worked THEN 1 END) AS episodes_worked,
    count(CASE WHEN is_completed THEN 1 END) AS episodes_completed,
    count(DISTINCT CASE WHEN is_worked THEN patient_key END) AS patients_worked,
    count(DISTINCT CASE WHEN is_completed THEN patient_key END) AS patients_completed
FROM reached
GROUP BY GROUPING SETS ((clinic_id, stage), (stage))
ORDER BY clinic_id NULLS FIRST, stage
