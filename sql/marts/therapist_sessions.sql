-- Title:   What therapists record
-- Meaning: The attended sessions of a therapist in a clinic, under the primary order: how many
--          worked a stage too early, at how many pain was recorded, how many exits were met on
--          whatever evidence and how many of them were measured. patients are the people treated,
--          patients_exits_met those with an exit met, episodes the episodes treated. Read only
--          where the protocol allows a page about therapists.
-- Grain:   one row for each clinic and therapist with an attended session of the study population
-- Kind:    view
-- Reads:   concepts.session_progress, concepts.study_population, concepts.violating_sessions,
--          core.sessions, protocol.parameters, protocol.orders
-- Source:  study definitions, "Adherence, session by session"
WITH premature AS (
    SELECT
        violating.episode_key,
        violating.session_number
    FROM concepts.violating_sessions AS violating
    INNER JOIN protocol.orders AS orders
        ON violating.order_number = orders.order_number
    INNER JOIN protocol.parameters AS parameters
        ON orders.order_name = parameters.primary_order
)

SELECT
    population.clinic_id,
    sessions.therapist_id,
    count(DISTINCT population.patient_key) AS patients,
    count(DISTINCT CASE WHEN sessions.exit_met THEN population.patient_key END)
        AS patients_exits_met,
    count(DISTINCT population.episode_key) AS episodes,
    count(*) AS sessions_attended,
    count(premature.session_number) AS sessions_premature,
    count(progress.pain_nrs) AS sessions_with_pain,
    count(CASE WHEN sessions.exit_met THEN 1 END) AS exits_met,
    count(CASE WHEN sessions.exit_met AND sessions.exit_evidence = 'measured' THEN 1 END)
        AS exits_measured
FROM concepts.session_progress AS progress
INNER JOIN concepts.study_population AS population
    ON progress.episode_key = population.episode_key AND population.is_in_study
INNER JOIN core.sessions AS sessions
    ON progress.session_key = sessions.session_key
LEFT JOIN premature
    ON
        progress.episode_key = premature.episode_key
        AND progress.session_number = premature.session_number
GROUP BY population.clinic_id, sessions.therapist_id
ORDER BY population.clinic_id, sessions.therapist_id
