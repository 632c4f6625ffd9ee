-- Title:   Values of the outcome domains, with the time spent in each stage
-- Meaning: Each value beside the weeks that the episode had spent in each stage when it was
--          measured, and the stage it was in: what the models of a domain's course are fitted to.
--          Both are null for a measurement after the last session, which belongs to no stage's
--          time.
-- Grain:   one row for each value of a domain in the study population
-- Kind:    view
-- Reads:   concepts.domain_points, concepts.stage_time, concepts.study_population,
--          protocol.domains
-- Source:  concepts.stage_time
WITH points AS (
    SELECT
        points.episode_key,
        points.domain_number,
        points.day,
        points.position,
        points.value,
        points.line_number,
        points.source = 'session' AS is_from_session
    FROM concepts.domain_points AS points
    INNER JOIN concepts.study_population AS population
        ON points.episode_key = population.episode_key AND population.is_in_study
),

days_spent AS (
    SELECT
        points.episode_key,
        points.domain_number,
        points.day,
        points.position,
        points.value,
        points.line_number,
        spent.stage,
        spent.days_stage_1,
        spent.days_stage_2,
        spent.days_stage_3,
        spent.days_stage_4,
        spent.days_stage_5
    FROM points
    INNER JOIN concepts.stage_time AS spent
        ON points.episode_key = spent.episode_key AND points.position = spent.session_number
    WHERE points.is_from_session
    UNION ALL
    SELECT
        points.episode_key,
        points.domain_number,
        points.day,
        points.position,
        points.value,
        points.line_number,
        spent.stage,
        spent.days_stage_1 + CASE spent.stage WHEN 1 THEN points.day - spent.day ELSE 0 END,
        spent.days_stage_2 + CASE spent.stage WHEN 2 THEN points.day - spent.day ELSE 0 END,
        spent.days_stage_3 + CASE spent.stage WHEN 3 THEN points.day - spent.day ELSE 0 END,
        spent.days_stage_4 + CASE spent.stage WHEN 4 THEN points.day - spent.day ELSE 0 END,
        spent.days_stage_5 + CASE spent.stage WHEN 5 THEN points.day - spent.day ELSE 0 END
    FROM points
    LEFT JOIN concepts.stage_time AS spent
        ON
            points.episode_key = spent.episode_key
            AND points.day >= spent.day
            AND points.day < coalesce(spent.next_day, spent.day + 1)
    WHERE NOT points.is_from_session
)

SELECT
    days_spent.episode_key,
    domains.domain,
    days_spent.day,
    days_spent.position,
    days_spent.value,
    CAST(days_spent.days_stage_1 AS DOUBLE) / 7 AS weeks_stage_1,
    CAST(days_spent.days_stage_2 AS DOUBLE) / 7 AS weeks_stage_2,
    CAST(days_spent.days_stage_3 AS DOUBLE) / 7 AS weeks_stage_3,
    CAST(days_spent.days_stage_4 AS DOUBLE) / 7 AS weeks_stage_4,
    CAST(days_spent.days_stage_5 AS DOUBLE) / 7 AS weeks_stage_5,
    days_spent.line_number,
    days_spent.stage
FROM days_spent
INNER JOIN protocol.domains AS domains
    ON days_spent.domain_number = domains.domain_number
