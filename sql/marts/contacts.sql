-- Title:   Days on which status was seen
-- Meaning: Each day on which an episode had an attended session or a follow-up reached the person
--          (a session wins when there were both), with the latest pain known by then. is_last
--          says that nothing is known of the episode after that day.
-- Grain:   one row for each episode of the study population and day of contact
-- Kind:    view
-- Reads:   concepts.session_progress, concepts.study_population, concepts.known_status,
--          core.followups
-- Source:  study definitions, "Effect: the target trial"
WITH session_days AS (
    SELECT
        episode_key,
        day,
        next_day,
        last_pain_nrs
    FROM concepts.session_progress
    WHERE next_day IS NULL OR next_day > day
),

reached_days AS (
    SELECT DISTINCT
        episode_key,
        day
    FROM core.followups
    WHERE outcome = 'reached'
),

contacts AS (
    SELECT
        episode_key,
        day,
        'session' AS contact_kind,
        last_pain_nrs
    FROM session_days
    UNION ALL
    -- A follow-up stands between the last session on or before its day and the next one.
    SELECT
        reached_days.episode_key,
        reached_days.day,
        'follow_up' AS contact_kind,
        session_days.last_pain_nrs
    FROM reached_days
    INNER JOIN session_days
        ON
            reached_days.episode_key = session_days.episode_key
            AND reached_days.day > session_days.day
            AND reached_days.day < coalesce(session_days.next_day, reached_days.day + 1)
)

SELECT
    contacts.episode_key,
    contacts.day,
    contacts.contact_kind,
    contacts.last_pain_nrs,
    contacts.day = known.last_known_day AS is_last
FROM contacts
INNER JOIN concepts.study_population AS population
    ON contacts.episode_key = population.episode_key
INNER JOIN concepts.known_status AS known
    ON contacts.episode_key = known.episode_key
WHERE population.is_in_study
ORDER BY contacts.episode_key, contacts.day
