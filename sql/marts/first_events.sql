-- Title:   First event of each kind
-- Meaning: The day of an episode's first event of each kind, whatever came before it.
-- Grain:   one row for each episode of the study population and kind of event it had
-- Reads:   core.events, concepts.study_population
-- Source:  study definitions, "Outcome"
SELECT
    events.episode_key,
    events.kind,
    min(events.day) AS day
FROM core.events AS events
INNER JOIN concepts.study_population AS population
    ON events.episode_key = population.episode_key
WHERE population.is_in_study
GROUP BY events.episode_key, events.kind
ORDER BY events.episode_key, events.kind
