-- Title:   Runs of sessions in one stage
-- Meaning: Neighbouring sessions of the same stage taken together, and how many sessions of each
--          stage there were by the end of the run. The further stages of a session (also_stages)
--          play no part in it. sessions_so_far holds the five counts in one number, by powers of
--          4096 (see concepts.session_progress): at the start of a run its session_number is added
--          under the stage left and taken away under the stage entered, so that the sum holds the
--          length of each run that has ended; finished_less_start lacks but the end of this one.
-- Grain:   one row for each run; run_start is the session_number of its first session
-- Reads:   concepts.session_progress, concepts.episode_progress
-- Source:  study definitions, "Adherence, session by session"
WITH starts AS (
    SELECT
        episode_key,
        session_number AS run_start,
        stage,
        previous_stage,
        CASE previous_stage
            WHEN 1 THEN 1
            WHEN 2 THEN 4096
            WHEN 3 THEN 16777216
            WHEN 4 THEN 68719476736
            WHEN 5 THEN 281474976710656
            ELSE 0
        END AS place_left,
        CASE stage
            WHEN 1 THEN 1
            WHEN 2 THEN 4096
            WHEN 3 THEN 16777216
            WHEN 4 THEN 68719476736
            ELSE 281474976710656
        END AS place_entered
    FROM concepts.session_progress
    WHERE previous_stage IS NULL OR previous_stage <> stage
),

runs AS (
    SELECT
        episode_key,
        run_start,
        stage,
        previous_stage,
        place_entered,
        lead(run_start) OVER (PARTITION BY episode_key ORDER BY run_start) AS next_run_start,
        sum(run_start * (place_left - place_entered)) OVER (
            PARTITION BY episode_key
            ORDER BY run_start
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS finished_less_start
    FROM starts
),

ended AS (
    SELECT
        runs.episode_key,
        runs.run_start,
        runs.stage,
        runs.previous_stage,
        runs.place_entered,
        CAST(runs.finished_less_start AS BIGINT) AS finished_less_start,
        coalesce(runs.next_run_start, episodes.attended_sessions + 1) AS run_end
    FROM runs
    INNER JOIN concepts.episode_progress AS episodes
        ON runs.episode_key = episodes.episode_key
)

SELECT
    episode_key,
    run_start,
    stage,
    previous_stage,
    run_end - run_start AS sessions_count,
    finished_less_start + run_end * place_entered AS sessions_so_far
FROM ended
