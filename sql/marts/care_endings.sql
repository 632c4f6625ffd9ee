-- Title:   How care ended
-- Meaning: The day of the last attended session, the highest stage worked by then, the stage that
--          the primary order had next (null when all were completed), and the recorded reason of
--          discharge, not_recorded when there is none. Care with the reason ongoing has not ended.
-- Grain:   one row for each episode of the study population
-- Reads:   concepts.study_population, concepts.episode_progress, concepts.stages_due,
--          core.episodes, protocol.parameters
-- Source:  study definitions, "Adherence, session by session" and "The records: six tables"
SELECT
    population.episode_key,
    population.patient_key,
    population.clinic_id,
    progress.last_session_day,
    progress.highest_stage_worked,
    due.stage_due,
    coalesce(episodes.discharge_reason, 'not_recorded') AS reason,
    coalesce(episodes.discharge_reason <> 'ongoing', TRUE) AS has_ended
FROM concepts.study_population AS population
INNER JOIN concepts.episode_progress AS progress
    ON population.episode_key = progress.episode_key
INNER JOIN core.episodes AS episodes
    ON population.episode_key = episodes.episode_key
CROSS JOIN protocol.parameters AS parameters
LEFT JOIN concepts.stages_due AS due
    ON
        parameters.primary_order = due.order_name
        AND progress.completed_set = due.stage_set
WHERE population.is_in_study
ORDER BY population.episode_key
