-- Title:   Days on which status was seen
-- Meaning: Each day on which an episode had an attended session or a follow-up reached the person
--          (a session wins when there were both), with the latest pain known by then. is_last
--          says that nothing is known of the episode after that day.
-- Grain:   one row for each episode of the study population and day of contact
-- Reads:   concepts.session_progress, core.followups, concepts.study_population,
--          concepts.known_status
-- Source:  study definitions, "Effect: the target trial"
WITH days AS (
    SELECT
        episode_key,
        day,
        0 AS is_follow_up,
        max_by(last_pain_nrs, session_number) AS known_pain_nrs
    FROM concepts.session_progress
    GROUP BY episode_key, day
    UNION ALL
    SELECT DISTINCT
        episode_key,
        day,
        1 AS is_follow_up,
        NULL AS known_pain_nrs
    FROM core.followups
    WHERE outcome = 'reached'
),

contacts AS (
    SELECT
        episode_key,
        day,
        is_follow_up,
        last_value(known_pain_nrs IGNORE NULLS) OVER (
            PARTITION BY episode_key
            ORDER BY day, is_follow_up
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS last_pain_nrs,
        row_number() OVER (
            PARTITION BY episode_key, day
            ORDER BY is_follow_up
        ) AS contact_of_day
    FROM days
)

SELECT
    contacts.episode_key,
    contacts.day,
    CASE contacts.is_follow_up WHEN 0 THEN 'session' ELSE 'follow_up' END AS contact_kind,
    contacts.last_pain_nrs,
    contacts.day = known.last_known_day AS is_last
FROM contacts
INNER JOIN concepts.study_population AS population
    ON contacts.episode_key = population.episode_key
INNER JOIN concepts.known_status AS known
    ON contacts.episode_key = known.episode_key
WHERE population.is_in_study AND contacts.contact_of_day = 1
ORDER BY contacts.episode_key, contacts.day
