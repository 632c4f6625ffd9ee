-- Title:   Stage changes of an episode
-- Meaning: How often an episode moved on: an attended session of a higher-ranked stage than the one
--          before it, by the primary order. The change has evidence when the session before it
--          says, measured or attested as the protocol counts, whether the exit of the stage left
--          was met.
-- Grain:   one row for each episode that ever moved on
-- Reads:   concepts.session_progress, protocol.parameters, protocol.stage_order
-- Source:  study definitions, "Gates"
WITH rises AS (
    SELECT
        earlier.stage AS previous_stage,
        later.stage
    FROM protocol.parameters AS parameters
    INNER JOIN protocol.stage_order AS later
        ON parameters.primary_order = later.order_name
    INNER JOIN protocol.stage_order AS earlier
        ON later.order_name = earlier.order_name AND later.stage_rank > earlier.stage_rank
)

SELECT
    sessions.episode_key,
    CAST(count(*) AS INTEGER) AS stage_changes,
    CAST(count(CASE WHEN sessions.previous_has_exit_evidence THEN 1 END) AS INTEGER)
        AS stage_changes_with_evidence
FROM concepts.session_progress AS sessions
INNER JOIN rises
    ON sessions.previous_stage = rises.previous_stage AND sessions.stage = rises.stage
GROUP BY sessions.episode_key
