-- Title:   Values of the outcome domains
-- Meaning: What was measured, when, and in which stage. A session's value belongs to the session's
--          stage; a measurement to the stage of the latest attended session on or before its day
--          (none before the first); which measurements count, measurement_use says. position orders
--          the values of one day: sessions first, measurements after them. Within an episode and
--          domain, line_number is equal for values that can be set against one another: of the
--          sessions, or of one instrument, side and kind of target. Where the protocol lets another rater break
--          the line, the values that a therapist reads in sessions have a line for each therapist.
--          The numbers tell lines apart; they do not count them.
-- Grain:   one row for each value of a domain; (episode_key, domain_number, position) is unique
-- Kind:    view
-- Reads:   concepts.session_progress, concepts.measurement_use, concepts.session_raters,
--          protocol.domains
-- Source:  study definitions, "Outcome"
WITH counted_measurements AS (
    SELECT
        episode_key,
        day,
        instrument,
        value,
        domain_number,
        line_number,
        target_source,
        target_value,
        row_number() OVER (
            PARTITION BY episode_key
            ORDER BY day, instrument, value, side, timing
        ) AS measurement_number
    FROM concepts.measurement_use
    WHERE measurement_use = 'counted'
),

-- The latest session of each day on which there was one; its stage lasts until the next.
staged_measurements AS (
    SELECT
        measurements.episode_key,
        measurements.measurement_number,
        max(sessions.session_number) AS session_number
    FROM counted_measurements AS measurements
    INNER JOIN concepts.session_progress AS sessions
        ON
            measurements.episode_key = sessions.episode_key
            AND measurements.day >= sessions.day
    GROUP BY measurements.episode_key, measurements.measurement_number
),

session_values AS (
    SELECT
        sessions.episode_key,
        domains.domain_number,
        domains.is_rated,
        sessions.day,
        sessions.session_number AS position,
        sessions.stage,
        sessions.pain_nrs AS value
    FROM concepts.session_progress AS sessions
    CROSS JOIN protocol.domains AS domains
    WHERE domains.domain = 'pain' AND sessions.pain_nrs IS NOT NULL
    UNION ALL
    SELECT
        sessions.episode_key,
        domains.domain_number,
        domains.is_rated,
        sessions.day,
        sessions.session_number AS position,
        sessions.stage,
        sessions.flexibility_pct AS value
    FROM concepts.session_progress AS sessions
    CROSS JOIN protocol.domains AS domains
    WHERE domains.domain = 'flexibility' AND sessions.flexibility_pct IS NOT NULL
    UNION ALL
    SELECT
        sessions.episode_key,
        domains.domain_number,
        domains.is_rated,
        sessions.day,
        sessions.session_number AS position,
        sessions.stage,
        sessions.strength_pct AS value
    FROM concepts.session_progress AS sessions
    CROSS JOIN protocol.domains AS domains
    WHERE domains.domain = 'strength' AND sessions.strength_pct IS NOT NULL
    UNION ALL
    SELECT
        sessions.episode_key,
        domains.domain_number,
        domains.is_rated,
        sessions.day,
        sessions.session_number AS position,
        sessions.stage,
        sessions.endurance_pct AS value
    FROM concepts.session_progress AS sessions
    CROSS JOIN protocol.domains AS domains
    WHERE domains.domain = 'endurance' AND sessions.endurance_pct IS NOT NULL
    UNION ALL
    SELECT
        sessions.episode_key,
        domains.domain_number,
        domains.is_rated,
        sessions.day,
        sessions.session_number AS position,
        sessions.stage,
        sessions.alignment_deg AS value
    FROM concepts.session_progress AS sessions
    CROSS JOIN protocol.domains AS domains
    WHERE domains.domain = 'alignment' AND sessions.alignment_deg IS NOT NULL
)

SELECT
    session_values.episode_key,
    session_values.domain_number,
    session_values.day,
    session_values.position,
    session_values.stage,
    session_values.value,
    'session' AS source,
    coalesce(raters.rater_number, 1) AS line_number,
    CAST(NULL AS VARCHAR) AS target_source,
    CAST(NULL AS DOUBLE) AS target_value
FROM session_values
LEFT JOIN concepts.session_raters AS raters
    ON
        session_values.episode_key = raters.episode_key
        AND session_values.position = raters.session_number
        AND session_values.is_rated
UNION ALL
SELECT
    measurements.episode_key,
    measurements.domain_number,
    measurements.day,
    CAST(1000000 + measurements.measurement_number AS INTEGER) AS position,
    sessions.stage,
    measurements.value,
    measurements.instrument AS source,
    measurements.line_number,
    measurements.target_source,
    measurements.target_value
FROM counted_measurements AS measurements
LEFT JOIN staged_measurements AS staged
    ON
        measurements.episode_key = staged.episode_key
        AND measurements.measurement_number = staged.measurement_number
LEFT JOIN concepts.session_progress AS sessions
    ON
        staged.episode_key = sessions.episode_key
        AND staged.session_number = sessions.session_number
