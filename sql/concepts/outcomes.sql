-- Title:   Outcome of an episode
-- Meaning: First event of the outcome and first competing event, by the protocol's roles. Follow-up
--          ends at the first of them, at the last known status or at the horizon, whichever comes
--          first; it ends in an event when that is the outcome's. An outcome and a competing event
--          of the same day count as the outcome.
-- Grain:   one row for each episode; last_known_day is null where nothing is known
-- Reads:   core.episodes, core.events, concepts.known_status, protocol.event_roles,
--          protocol.parameters
-- Source:  study definitions, "Outcome"
WITH first_days AS (
    SELECT
        events.episode_key,
        min(CASE WHEN roles.role = 'event' THEN events.day END) AS reinjury_day,
        min(CASE WHEN roles.role = 'competing' THEN events.day END) AS competing_day
    FROM core.events AS events
    INNER JOIN protocol.event_roles AS roles
        ON events.kind = roles.kind
    GROUP BY events.episode_key
),

competing_kinds AS (
    SELECT
        first_days.episode_key,
        min(events.kind) AS competing_kind
    FROM first_days
    INNER JOIN core.events AS events
        ON
            first_days.episode_key = events.episode_key
            AND first_days.competing_day = events.day
    INNER JOIN protocol.event_roles AS roles
        ON events.kind = roles.kind AND roles.role = 'competing'
    GROUP BY first_days.episode_key
)

SELECT
    episodes.episode_key,
    known.last_known_day,
    first_days.reinjury_day,
    first_days.competing_day,
    competing_kinds.competing_kind,
    CASE
        WHEN known.last_known_day IS NOT NULL
            THEN
                CAST(
                    least(
                        known.last_known_day,
                        coalesce(first_days.reinjury_day, known.last_known_day),
                        coalesce(first_days.competing_day, known.last_known_day),
                        parameters.horizon_days
                    ) AS INTEGER
                )
    END AS followed_days,
    coalesce(
        first_days.reinjury_day <= parameters.horizon_days
        AND first_days.reinjury_day
        <= coalesce(first_days.competing_day, first_days.reinjury_day),
        FALSE
    ) AS is_event
FROM core.episodes AS episodes
CROSS JOIN protocol.parameters AS parameters
LEFT JOIN concepts.known_status AS known
    ON episodes.episode_key = known.episode_key
LEFT JOIN first_days
    ON episodes.episode_key = first_days.episode_key
LEFT JOIN competing_kinds
    ON episodes.episode_key = competing_kinds.episode_key
