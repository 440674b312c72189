/** The budgets of each task: one for all repetitions that cost, one more for hedges within it. */
import { HEDGE_BUDGET, ONLINE_RETRY_BUDGET, RetryBudget } from "../domain/retry-budget.ts";

export interface TaskBudgets {
  readonly retry: RetryBudget;
  readonly hedge: RetryBudget;
}

export class BudgetBook {
  readonly #tasks = new Map<string, TaskBudgets>();

  of(task: string): TaskBudgets {
    let budgets = this.#tasks.get(task);
    if (budgets === undefined) {
      budgets = { retry: new RetryBudget(ONLINE_RETRY_BUDGET), hedge: new RetryBudget(HEDGE_BUDGET) };
      this.#tasks.set(task, budgets);
    }
    return budgets;
  }
}
