-- Title:   What is recorded of an episode
-- Meaning: How many attended sessions an episode had and how many of them say the pain before
--          treatment; how often it moved on to a further stage and how often the exit of the stage
--          left has measured or attested evidence; how many follow-up attempts are recorded,
--          whatever came of them. What the tiers of data quality count.
-- Grain:   one row for each episode of the study population
-- Kind:    view
-- Reads:   marts.episode_baseline, concepts.stage_changes, core.sessions, core.followups
-- Source:  study definitions, "The records: six tables" and "Gates"
WITH attended AS (
    SELECT
        episode_key,
        count(*) AS attended_sessions,
        count(pain_nrs) AS sessions_with_pain
    FROM core.sessions
    WHERE status = 'attended'
    GROUP BY episode_key
),

attempts AS (
    SELECT
        episode_key,
        count(*) AS follow_up_attempts
    FROM core.followups
    GROUP BY episode_key
)

SELECT
    baseline.episode_key,
    baseline.episode_id,
    baseline.patient_key,
    baseline.clinic_id,
    baseline.start_month,
    CAST(attended.attended_sessions AS INTEGER) AS attended_sessions,
    CAST(attended.sessions_with_pain AS INTEGER) AS sessions_with_pain,
    coalesce(changes.stage_changes, 0) AS stage_changes,
    coalesce(changes.stage_changes_with_evidence, 0) AS stage_changes_with_evidence,
    CAST(coalesce(attempts.follow_up_attempts, 0) AS INTEGER) AS follow_up_attempts
FROM marts.episode_baseline AS baseline
INNER JOIN attended
    ON baseline.episode_key = attended.episode_key
LEFT JOIN concepts.stage_changes AS changes
    ON baseline.episode_key = changes.episode_key
LEFT JOIN attempts
    ON baseline.episode_key = attempts.episode_key
ORDER BY baseline.episode_key
