-- Title:   Runs of sessions in one stage
-- Meaning: Neighbouring sessions of the same stage taken together, and how many sessions of each
--          stage there were by the end of the run. The further stages of a session (also_stages) play
--          no part in it. The five counts are carried along in one number, by powers of 4096 (see
--          concepts.session_progress).
-- Grain:   one row for each run; run_start is the session_number of its first session
-- Kind:    view
-- Reads:   concepts.session_progress, concepts.episode_progress
-- Source:  study definitions, "Adherence, session by session"
WITH runs AS (
    SELECT
        starts.episode_key,
        starts.session_number AS run_start,
        starts.stage,
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
),

counted AS (
    SELECT
        episode_key,
        run_start,
        stage,
        sessions_count,
        CAST(
            sum(
                sessions_count * CASE stage
                    WHEN 1 THEN 1
                    WHEN 2 THEN 4096
                    WHEN 3 THEN 16777216
                    WHEN 4 THEN 68719476736
                    ELSE 281474976710656
                END
            ) OVER (
                PARTITION BY episode_key
                ORDER BY run_start
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS BIGINT
        ) AS sessions_so_far
    FROM runs
)

SELECT
    episode_key,
    run_start,
    stage,
    sessions_count,
    sessions_so_far % 4096 AS sessions_stage_1,
    sessions_so_far // 4096 % 4096 AS sessions_stage_2,
    sessions_so_far // 16777216 % 4096 AS sessions_stage_3,
    sessions_so_far // 68719476736 % 4096 AS sessions_stage_4,
    sessions_so_far // 281474976710656 AS sessions_stage_5
FROM counted
