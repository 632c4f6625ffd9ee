-- Title:   Episodes of the study at time zero
-- Meaning: What is known of each studied episode and its person on day 0, before any choice of
--          stages; first_pain_nrs is the pain before treatment at the first attended session.
-- Grain:   one row for each episode of the study population
-- Reads:   concepts.study_population, concepts.session_progress, core.episodes, core.patients
-- Source:  study definitions, "Effect: the target trial"
SELECT
    episodes.episode_key,
    episodes.episode_id,
    episodes.patient_key,
    episodes.clinic_id,
    episodes.region,
    episodes.side,
    episodes.condition,
    episodes.chronicity,
    episodes.prior_episodes,
    patients.sex,
    patients.age_band,
    patients.comorbidity_count,
    patients.work_load,
    episodes.planned_protocol,
    episodes.start_month,
    first_sessions.pain_nrs AS first_pain_nrs
FROM concepts.study_population AS population
INNER JOIN core.episodes AS episodes
    ON population.episode_key = episodes.episode_key
INNER JOIN core.patients AS patients
    ON episodes.patient_key = patients.patient_key
INNER JOIN concepts.session_progress AS first_sessions
    ON
        population.episode_key = first_sessions.episode_key
        AND first_sessions.session_number = 1
WHERE population.is_in_study
ORDER BY episodes.episode_key
