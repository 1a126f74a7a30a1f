"""The exercises of the start page."""

from __future__ import annotations

from helpers.course.exercises.judges import name, number

BOXES = (
    "Configuration",
    "Data collection",
    "Feature extraction",
    "Data verification",
    "ML code",
    "Machine resource management",
    "Analysis tools",
    "Process management tools",
    "Serving infrastructure",
    "Monitoring",
)

JUDGES = {
    "0-a": number(
        0.18,
        within=0.01,
        replies={
            18.0: "That is the number in percent. The question asks for a share, from 0 to 1.",
            0.40: "That is the share of the largest channel, online. Which one is asked for?",
            0.82: "That is the share of all the other channels together.",
            0.25: "There are four channels, but they are not equally large: count the rows.",
        },
    ),
    "0-b": name(
        "Data verification",
        among=BOXES,
        replies={
            "Monitoring": "It would have seen the effect, in the models' answers, some days "
            "after the file was in. The question asks who stops the file.",
            "Data collection": "It brought the file, as it brings every file that is on time "
            "and can be read. Whose work is it to say no?",
            "Feature extraction": "It turns whatever comes into numbers. A monthly income is a "
            "number too.",
            "ML code": "It learns from whatever it is given; a wrong column makes it worse "
            "without a word.",
            "Analysis tools": "They tell afterwards why it went wrong.",
            "Serving infrastructure": "It answers requests, and comes after the model.",
            "Process management tools": "They run one step after the other, and can stop a "
            "run; but somebody must tell them that the file is wrong.",
            "Configuration": "Nothing was set differently at Harbor Credit; the file changed.",
            "Machine resource management": "The machines were fine, and the file was small.",
        },
    ),
}
