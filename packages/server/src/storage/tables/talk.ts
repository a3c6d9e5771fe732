/** Questions about a task before a claim, and messages during one. */
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
  /** The numbers of the poster's event about the question, and of the asker's event about the answer. */
  asked_event: number;
  answered_event: number | null;
}

interface MessagesTable {
  id: string;
  task_id: string;
  /** The claim that the message belongs to, and its worker. */
  claim_number: number;
  worker_id: string;
  sender_id: string;
  message: string;
  created_at: number;
  /** The number of the other party's event about it. */
  event: number;
}
