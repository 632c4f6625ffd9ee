-- Title:   Values of the outcome domains
-- Meaning: Every value that a session or an instrument of the protocol's registry gave, in the
--          domain's unit; source is session or the instrument. The stage is that of the session,
--          or of the latest attended session on or before the day of a measurement. Values of one
--          episode and domain with one line_number were read in one way; see
--          concepts.domain_points. For a domain that is a percentage target_source says of what:
--          recorded as a percentage, or formed from the reading with the target_value (in the
--          instrument's unit) of the unaffected side, the norm or the goal.
-- Grain:   one row for each value of a domain
-- Kind:    view
-- Reads:   concepts.domain_points, protocol.domains, core.episodes
-- Source:  study definitions, "Outcome"
SELECT
    episodes.episode_id,
    domains.domain,
    points.day,
    points.stage,
    points.value,
    domains.unit,
    points.source,
    points.position,
    episodes.episode_key,
    points.line_number,
    CASE
        WHEN domains.unit = '%' THEN coalesce(points.target_source, 'percent_recorded')
    END AS target_source,
    points.target_value
FROM concepts.domain_points AS points
INNER JOIN protocol.domains AS domains
    ON points.domain_number = domains.domain_number
INNER JOIN core.episodes AS episodes
    ON points.episode_key = episodes.episode_key
