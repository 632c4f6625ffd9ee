-- Title:   Runs of sessions in one stage
-- Meaning: Neighbouring sessions of the same stage taken together; the further stages of a session
--          (also_stages) play no part in it.
-- Grain:   one row for each run; run_start is the session_number of its first session
-- Reads:   concepts.session_progress, concepts.episode_progress
-- Source:  study definitions, "Adherence, session by session"
SELECT
    starts.episode_key,
    starts.session_number AS run_start,
    starts.stage,
    starts.previous_stage,
    CAST(
        coalesce(
            lead(starts.session_number) OVER (
                PARTITION BY starts.episode_key
                ORDER BY starts.session_number
            ),
            episodes.attended_sessions + 1
        ) - starts.session_number AS INTEGER
    ) AS sessions_count
FROM concepts.session_progress AS starts
INNER JOIN concepts.episode_progress AS episodes
    ON starts.episode_key = episodes.episode_key
WHERE starts.previous_stage IS NULL OR starts.previous_stage <> starts.stage
