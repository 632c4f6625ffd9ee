-- Title:   Last known status
-- Meaning: The latest day on which anything is known of an episode: an attended session, a
--          follow-up that reached the person, or an event. Never the day of the extract, because
--          people who do not come back are not therefore well.
-- Grain:   one row for each episode of which anything is known
-- Reads:   concepts.episode_progress, core.followups, core.events
-- Source:  study definitions, "Outcome"
WITH seen AS (
    SELECT episode_key, last_session_day AS day FROM concepts.episode_progress
    UNION ALL
    SELECT episode_key, day FROM core.followups WHERE outcome = 'reached'
    UNION ALL
    SELECT episode_key, day FROM core.events
)

SELECT
    episode_key,
    max(day) AS last_known_day
FROM seen
GROUP BY episode_key
