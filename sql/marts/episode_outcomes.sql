-- Title:   Outcome of an episode
-- Meaning: First re-injury, first competing event, and how long the episode was followed within
--          the protocol's horizon. followed_days ends at the first of re-injury, competing event,
--          last known status and horizon; is_event says that it ends in the re-injury.
-- Grain:   one row for each accepted episode
-- Kind:    view
-- Reads:   concepts.outcomes, core.episodes
-- Source:  study definitions, "Outcome"
SELECT
    episodes.episode_id,
    outcomes.last_known_day,
    outcomes.reinjury_day,
    outcomes.competing_day,
    outcomes.competing_kind,
    outcomes.followed_days,
    outcomes.is_event,
    episodes.episode_key
FROM concepts.outcomes AS outcomes
INNER JOIN core.episodes AS episodes
    ON outcomes.episode_key = episodes.episode_key
