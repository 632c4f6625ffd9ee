-- Title:   Sessions of the study
-- Meaning: Every attended session of the study population with the day of the next one (null after
--          the last). completed_set are the stages completed by its end, the sum of 1, 2, 4, 8, 16
--          for the stages 1 to 5.
-- Grain:   one row for each attended session of the study population
-- Kind:    view
-- Reads:   concepts.session_progress, concepts.study_population
-- Source:  study definitions, "Adherence, session by session"
SELECT
    sessions.episode_key,
    population.patient_key,
    sessions.session_number,
    sessions.day,
    sessions.next_day,
    sessions.stage,
    sessions.completed_set
FROM concepts.session_progress AS sessions
INNER JOIN concepts.study_population AS population
    ON sessions.episode_key = population.episode_key
WHERE population.is_in_study
