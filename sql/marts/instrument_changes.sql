-- Title:   Change by instrument
-- Meaning: First and last usable reading of an instrument in an episode, in the instrument's own
--          unit, whether or not it belongs to a domain (questionnaires do not) and whether or not
--          it could be set against a target. Where the episode is not of one side, the left and
--          the right side stand apart (side); readings of the other side than the episode's are
--          left out. is_important says whether the change for the better reaches the minimal
--          important change of the registry, is_detectable whether a change in either direction
--          reaches the smallest detectable one; each is null where the registry knows no figure
--          (its source is null then too) or where there are no readings of two days.
-- Grain:   one row for each episode, instrument and side with a usable reading
-- Kind:    view
-- Reads:   concepts.measurement_use, protocol.instruments, core.episodes
-- Source:  analysis/contracts/instruments.toml
WITH in_order AS (
    SELECT
        episode_key,
        instrument,
        side_number,
        day,
        reading,
        row_number() OVER (
            PARTITION BY episode_key, instrument, side_number
            ORDER BY day, side, timing
        ) AS from_first,
        row_number() OVER (
            PARTITION BY episode_key, instrument, side_number
            ORDER BY day DESC, side DESC, timing DESC
        ) AS from_last
    FROM concepts.measurement_use
    WHERE measurement_use IN ('counted', 'no_target', 'of_no_domain')
),

ends AS (
    SELECT
        episode_key,
        instrument,
        side_number,
        CAST(count(*) AS INTEGER) AS values_count,
        min(day) AS first_day,
        max(day) AS last_day,
        max(CASE WHEN from_first = 1 THEN reading END) AS first_value,
        max(CASE WHEN from_last = 1 THEN reading END) AS last_value
    FROM in_order
    GROUP BY episode_key, instrument, side_number
),

changes AS (
    SELECT
        *,
        CASE WHEN last_day > first_day THEN last_value - first_value END AS change
    FROM ends
)

SELECT
    episodes.episode_id,
    changes.instrument,
    CASE changes.side_number WHEN 1 THEN 'L' WHEN 2 THEN 'R' END AS side,
    instruments.domain,
    instruments.unit,
    changes.first_day,
    changes.last_day,
    changes.values_count,
    changes.first_value,
    changes.last_value,
    changes.change,
    instruments.better,
    CASE instruments.better
        WHEN 'higher' THEN changes.change >= instruments.important_change
        WHEN 'lower' THEN -changes.change >= instruments.important_change
    END AS is_important,
    instruments.important_change,
    instruments.important_source,
    abs(changes.change) >= instruments.detectable_change AS is_detectable,
    instruments.detectable_change,
    instruments.detectable_source,
    changes.episode_key
FROM changes
INNER JOIN protocol.instruments AS instruments
    ON changes.instrument = instruments.instrument
INNER JOIN core.episodes AS episodes
    ON changes.episode_key = episodes.episode_key
