"""The exercises of lesson 3.6, Explain."""

from __future__ import annotations

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

JUDGES = {
    "3.6-a": name(
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
    "3.6-b": number(
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
    "3.6-c": name(
        "service_contacts",
        among=COLUMNS,
        replies={
            "branch_km": "Its attributions are close to nothing: it does not explain the jump.",
            "income": "Income was there before the jump. What is new, and stronger?",
            "late_payments": "These were counted before the application. What is new?",
        },
    ),
    "3.6-d": chosen(
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
    "3.6-e": name(
        "B",
        among="ABC",
        replies={
            "A": "Deleting entries changes a file, not a person. The attribution is about "
            "the score.",
            "C": "They prove nothing about effects in either direction.",
        },
    ),
    "3.6-f": number(
        1.31,
        within=0.1,
        replies={
            2.0: "An entry counts once in the model, and there are twice as many. But the "
            "price of the second entry is not that of the first: read it off the table.",
            0.75: "Upside down: the East's number belongs above.",
            1.0: "That is the ratio in truth, from the last column. Look at the model's.",
        },
    ),
    "3.6-g": name(
        "B",
        among="ABCD",
        replies={
            "A": "People judge whether a map is plausible, not whether it is true of the "
            "model: a map that shows what people expect convinces in any case.",
            "C": "Accuracy says how often the network is right, nothing about why.",
            "D": "The same numbers in other colours are the same claim.",
        },
    ),
}
