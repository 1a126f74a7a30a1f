"""The exercises of lesson 3.6, Explain."""

from __future__ import annotations

from helpers.course.exercises.core import Exercise
from helpers.course.exercises.judges import chosen, name, number

COLUMNS = (
    "age",
    "income",
    "years_employed",
    "amount",
    "term_months",
    "utilization",
    "late_payments",
    "credit_history_years",
    "employment",
    "purpose",
    "channel",
    "branch_km",
    "service_contacts",
)

EXERCISES = [
    Exercise(
        id="3.6-a",
        question="What follows from the twin: one letter.",
        judge=name(
            "B",
            among="ABCD",
            replies={
                "A": "Nothing about the borrowers changed, only the columns of a table. "
                "Importance tells about this model with these columns.",
                "C": "One of the two can go. And then, for the other one? Look at the AUC without "
                "any income.",
                "D": "On training data a model also shows what it only memorised. The trap "
                "would be the same there.",
            },
        ),
        hints=(
            "What does the model still know when `income` is shuffled and `monthly_income` is not?",
            "The AUC without any income is in the table.",
        ),
        solution="answer = 'B'",
        wrong=(("'A'", "columns of a table"), ("'C'", "without any"), ("'D'", "memorised")),
        right="So group what is correlated and shuffle the group together, or drop it and fit "
        "again. And never choose features by their importance on the data you will report on.",
    ),
    Exercise(
        id="3.6-b",
        question="The Shapley value of income: a number, within 0.02.",
        judge=number(
            0.80,
            within=0.02,
            replies={
                0.72: "That is what income adds when it is the first to be known. It may also come "
                "second or third.",
                0.88: "That is what income adds when others are known before it. It may also come "
                "first.",
                -0.77: "That is the value of late_payments, from the formula. Now for income.",
                2.56: "That is a score with income known, not what knowing it changed.",
                -0.14: "That is what all three change together. Divide it among them.",
            },
        ),
        hints=(
            "Exchange the parts of `l` and `i` in the formula. Each bracket is a difference made "
            "by income.",
            "Four differences, 0.72, 0.90, 0.70 and 0.88, weighted by 2/6, 1/6, 1/6 and 2/6.",
        ),
        solution="answer = 2 / 6 * 0.72 + 0.90 / 6 + 0.70 / 6 + 2 / 6 * 0.88",
        wrong=(
            ("2.56 - 1.84", "first to be known"),
            ("1.70 - 0.82", "known before it"),
            ("2.56", "not what knowing it changed"),
            ("1.70 - 1.84", "all three"),
        ),
        right="Each order has the same right, so no feature gains by being asked first. With "
        "eleven features there are 40 million orders, which is why there are algorithms.",
    ),
    Exercise(
        id="3.6-c",
        question="The leaked column: a name.",
        judge=name(
            "service_contacts",
            among=COLUMNS,
            replies={
                "branch_km": "Its attributions are close to nothing: it does not explain the jump.",
                "income": "Income was there before the jump. What is new, and stronger?",
                "late_payments": "These were counted before the application. What is new?",
            },
        ),
        hints=(
            "Two columns are new; one of them stands in the table of the strongest.",
            "When does a bank get in contact with a customer very often?",
        ),
        solution="answer = 'service_contacts'",
        wrong=(
            ("'branch_km'", "close to nothing"),
            ("'income'", "before the jump"),
            ("'late_payments'", "before the application"),
        ),
        right="Twice as strong as income, and new: an explanation alone raises the question. The "
        "answer is that at the time of the decision it is 0 for everybody.",
    ),
    Exercise(
        id="3.6-d",
        question="What belongs in the letter: a set of letters.",
        judge=chosen(
            {"A", "C", "F"},
            among="ABCDEF",
            extra={
                "B": "That is the clerk's list: what matters over all applicants may not have "
                "mattered here, or may have counted for her.",
                "D": "A list without the reasons that cannot be changed is not the list of the "
                "principal reasons.",
                "E": "That is about groups; the letter is about this decision.",
            },
            missing={
                "A": "What did she ask?",
                "C": "May a principal reason be left out because nothing can be done about it?",
                "F": "How could she notice that the record is wrong?",
            },
        ),
        hints=("She asked about *this* decision.", "Three of them belong there."),
        solution="answer = {'A', 'C', 'F'}",
        wrong=(
            ("{'A', 'B', 'C', 'F'}", "clerk's list"),
            ("{'A', 'D', 'F'}", "cannot be changed"),
            ("{'A', 'C'}", "record is wrong"),
        ),
        right="Her own values let her check the record, and that is how the fault of the East "
        "comes to light.",
    ),
    Exercise(
        id="3.6-e",
        question="What SHAP values say about repaying: one letter.",
        judge=name(
            "B",
            among="ABC",
            replies={
                "A": "Deleting entries changes a file, not a person. The attribution is about "
                "the score.",
                "C": "They prove nothing about effects in either direction.",
            },
        ),
        hints=(
            "Whose output was divided among the features?",
            "Does deleting an entry in a file change a person?",
        ),
        solution="answer = 'B'",
        wrong=(("'A'", "not a person"), ("'C'", "either direction"), ("'b'", "capital")),
        right="An explanation of a prediction is not an explanation of the world. For her it "
        "matters that the score would rise; for the bank, that the risk would not.",
    ),
    Exercise(
        id="3.6-f",
        question="How many times as much being late once costs in the East: a number, within 0.1.",
        judge=number(
            1.31,
            within=0.1,
            replies={
                2.0: "An entry counts once in the model, and there are twice as many. But the "
                "price of the second entry is not that of the first: read it off the table.",
                0.75: "Upside down: the East's number belongs above.",
                1.0: "That is the ratio in truth, from the last column. Look at the model's.",
            },
        ),
        hints=(
            "The column 'cost of one, by the model' has the two numbers.",
            "Divide the East's by the other.",
        ),
        solution="answer = 0.63 / 0.48",
        wrong=(("2", "read it off"), ("0.48 / 0.63", "Upside down"), ("1", "last column")),
        right="A third more for the same behaviour; it should be 1, as the last column says.",
    ),
    Exercise(
        id="3.6-g",
        question="The test that speaks about the map: one letter.",
        judge=name(
            "B",
            among="ABCD",
            replies={
                "A": "People judge whether a map is plausible, not whether it is true of the "
                "model: a map that shows what people expect convinces in any case.",
                "C": "Accuracy says how often the network is right, nothing about why.",
                "D": "The same numbers in other colours are the same claim.",
            },
        ),
        hints=(
            "Which of them asks the *model*?",
            "Section 7 did it with columns.",
        ),
        solution="answer = 'B'",
        wrong=(("'A'", "plausible"), ("'C'", "how often"), ("'D'", "same claim")),
        right="Plausible and true are two things. The comparison with chance is what makes it a "
        "test.",
    ),
]
