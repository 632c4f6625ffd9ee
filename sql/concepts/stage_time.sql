-- Title:   Time spent in each stage
-- Meaning: How many days an episode had spent in each stage when a session began. The days from one
--          attended session to the next count for the stage of the earlier one; the further stages
--          of a session (also_stages) take no time of their own. next_day is when the stage's time
--          ends: null after the last session, since care is over and no stage is worked any more.
-- Grain:   one row for each attended session
-- Kind:    view
-- Reads:   concepts.session_progress
-- Source:  study definitions, "The claim"; knots in time at the person's own stage entries
WITH spans AS (
    SELECT
        episode_key,
        session_number,
        day,
        stage,
        lead(day) OVER (PARTITION BY episode_key ORDER BY session_number) AS next_day
    FROM concepts.session_progress
)

SELECT
    episode_key,
    session_number,
    day,
    stage,
    next_day,
    CAST(
        coalesce(sum(CASE WHEN stage = 1 THEN next_day - day END) OVER earlier, 0) AS INTEGER
    ) AS days_stage_1,
    CAST(
        coalesce(sum(CASE WHEN stage = 2 THEN next_day - day END) OVER earlier, 0) AS INTEGER
    ) AS days_stage_2,
    CAST(
        coalesce(sum(CASE WHEN stage = 3 THEN next_day - day END) OVER earlier, 0) AS INTEGER
    ) AS days_stage_3,
    CAST(
        coalesce(sum(CASE WHEN stage = 4 THEN next_day - day END) OVER earlier, 0) AS INTEGER
    ) AS days_stage_4,
    CAST(
        coalesce(sum(CASE WHEN stage = 5 THEN next_day - day END) OVER earlier, 0) AS INTEGER
    ) AS days_stage_5
FROM spans
WINDOW earlier AS (
    PARTITION BY episode_key
    ORDER BY session_number
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
)
