-- Title:   Days of re-injury
-- Meaning: Every day on which an episode had an event of the outcome, the first as well as those
--          that came after it; two events of one day are one re-injury.
-- Grain:   one row for each episode of the study population and such day
-- Reads:   core.events, concepts.study_population, protocol.event_roles
-- Source:  study definitions, "Outcome"
SELECT DISTINCT
    events.episode_key,
    events.day
FROM core.events AS events
INNER JOIN protocol.event_roles AS roles
    ON events.kind = roles.kind
INNER JOIN concepts.study_population AS population
    ON events.episode_key = population.episode_key
WHERE roles.role = 'event' AND population.is_in_study
ORDER BY events.episode_key, events.day
