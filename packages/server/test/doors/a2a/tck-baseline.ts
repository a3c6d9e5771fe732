const both = (name: string, why: string) => ({ [`${name}[jsonrpc]`]: why, [`${name}[http_json]`]: why });

const text = 'results are texts: there are no files and no data';
const review = 'a delivery waits for its review, and is not cancelled any more: its worker has done the work';
const fault = 'a fault of the kit: it asks for this error, and counts every error as a failure';

/** What fails of the kit of A2A 1.0, and why. A name that fails no more must go. */
export const known10: Readonly<Record<string, string>> = {
  'TestAgentCardStructure: test_agent_card_validates_against_schema':
    'asked without a version: the card has the fields of 0.3 too, which the schema of 1.0 does not know',
  ...both('TestFileArtifact: test_task_has_file_artifact', text),
  ...both('TestFileUrlArtifact: test_task_has_file_url_artifact', text),
  ...both('TestDataArtifact: test_task_has_data_artifact', text),
  ...both(
    'TestMessageResponse: test_returns_message_with_text_part',
    'every message is about a task, and answered with it',
  ),
  ...both('TestCancelTask: test_cancel_task_returns_updated_state', review),
  ...both(
    'TestSubscribeLifecycle: test_subscribe_terminates_at_terminal_state',
    'a stream ends when the task waits for its client, as for one that follows it to its review',
  ),
  'test_requirements: test_must_requirement[CORE-SEND-003-jsonrpc]': fault,
  'test_requirements: test_must_requirement[CORE-SEND-003-http_json]': fault,
};

const card =
  'a fault of the kit: it reads the card by a method for extended cards, which is refused, and takes that for no push notifications';

/** The same of the kit of A2A 0.3. */
export const known03: Readonly<Record<string, string>> = {
  'test_a2a_error_codes_enhanced: test_push_notification_not_supported_error_32003_enhanced': card,
};
