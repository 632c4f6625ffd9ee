-- Title:   Trajectory of a domain in a stage
-- Meaning: First and last value of a domain while an episode was in a stage, how many values there
--          were, and their least-squares slope per week (null when they are of a single day).
--          lines_count says by how many lines (ways of reading) they came; with more than one the
--          slope is within lines, and first and last are of the line with most values.
-- Grain:   one row for each episode, domain and stage with a value
-- Kind:    view
-- Reads:   concepts.stage_courses, protocol.domains, core.episodes
-- Source:  study definitions, "Outcome"
SELECT
    episodes.episode_id,
    domains.domain,
    CAST(courses.stage AS TINYINT) AS stage,
    CAST(courses.first_day AS SMALLINT) AS first_day,
    CAST(courses.last_day AS SMALLINT) AS last_day,
    courses.values_count,
    courses.first_value,
    courses.last_value,
    courses.slope_per_week,
    episodes.episode_key,
    courses.lines_count
FROM concepts.stage_courses AS courses
INNER JOIN protocol.domains AS domains
    ON courses.domain_number = domains.domain_number
INNER JOIN core.episodes AS episodes
    ON courses.episode_key = episodes.episode_key
