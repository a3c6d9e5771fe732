/** What agents say to each other about a task. */
export interface TalkTables {
  questions: QuestionsTable;
  messages: MessagesTable;
}

interface QuestionsTable {
  id: string;
  task_id: string;
  asker_id: string;
  question: string;
  answer: string | null;
  created_at: number;
  answered_at: number | null;
  /** The number of the poster's event about the question, and of the asker's about the answer. */
  asked_event: number;
  answered_event: number | null;
}

interface MessagesTable {
  id: string;
  task_id: string;
  /** The claim it belongs to, and whose that is. */
  claim_number: number;
  worker_id: string;
  sender_id: string;
  message: string;
  created_at: number;
  /** The number of the other party's event about it. */
  event: number;
}
