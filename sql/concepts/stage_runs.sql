-- Title:   Runs of sessions in one stage
-- Meaning: Neighbouring sessions of the same stage taken together, and how many sessions of each
--          stage there were by the end of the run. The further stages of a session (also_stages)
--          play no part in it.
-- Grain:   one row for each run; run_start is the session_number of its first session
-- Reads:   concepts.session_progress, concepts.episode_progress
-- Source:  study definitions, "Adherence, session by session"
WITH runs AS (
    SELECT
        starts.episode_key,
        starts.session_number AS run_start,
        starts.stage,
        starts.previous_stage,
        starts.earlier_1_to_3,
        starts.earlier_4_to_5,
        coalesce(
            lead(starts.session_number) OVER (
                PARTITION BY starts.episode_key
                ORDER BY starts.session_number
            ),
            episodes.attended_sessions + 1
        ) - starts.session_number AS sessions_count
    FROM concepts.session_progress AS starts
    INNER JOIN concepts.episode_progress AS episodes
        ON starts.episode_key = episodes.episode_key
    WHERE starts.previous_stage IS NULL OR starts.previous_stage <> starts.stage
)

SELECT
    episode_key,
    run_start,
    stage,
    previous_stage,
    CAST(sessions_count AS INTEGER) AS sessions_count,
    CAST(
        earlier_1_to_3 % 1000000 + CASE stage WHEN 1 THEN sessions_count ELSE 0 END AS INTEGER
    ) AS sessions_stage_1,
    CAST(
        earlier_1_to_3 // 1000000 % 1000000 + CASE stage WHEN 2 THEN sessions_count ELSE 0 END
        AS INTEGER
    ) AS sessions_stage_2,
    CAST(
        earlier_1_to_3 // 1000000000000 + CASE stage WHEN 3 THEN sessions_count ELSE 0 END
        AS INTEGER
    ) AS sessions_stage_3,
    CAST(
        earlier_4_to_5 % 1000000 + CASE stage WHEN 4 THEN sessions_count ELSE 0 END AS INTEGER
    ) AS sessions_stage_4,
    CAST(
        earlier_4_to_5 // 1000000 + CASE stage WHEN 5 THEN sessions_count ELSE 0 END AS INTEGER
    ) AS sessions_stage_5
FROM runs
