using System.Globalization;
using EverydayWorld;
using WebApp.Answers;

namespace WebApp.Tuning;

/// <summary>
/// Questions about the everyday world that the embedded backbone has read about, with the values to choose from ("What is the bell made of?") or with yes and
/// no ("Is the bell made of wood?"). For your own task, read your own rows here.
/// </summary>
public static class TrainingQuestions
{
    /// <summary>Questions about the things of one part of the world, drawn by seed.</summary>
    public static List<QuestionRow> Make(Part part, int count, int seed)
    {
        var dice = new Dice(seed);
        var things = new World().ThingsOf(part);
        return [.. Enumerable.Range(0, count).Select(_ => Draw(dice, things))];
    }

    /// <summary>The question for a value, or with a value the question whether it is the one.</summary>
    internal static string Wording(string form, Thing thing, string value = "") =>
        Capitalized(string.Format(CultureInfo.InvariantCulture, form, thing.Name, value));

    private static QuestionRow Draw(Dice dice, IReadOnlyList<Thing> things)
    {
        var (thing, relation) = (dice.Pick(things), dice.Pick(Relation.All));
        var others = dice.Shuffle(relation.Values.Where(value => value != thing[relation]));
        if (dice.Roll(2) == 0)
            return Choose(dice, Wording(relation.Question, thing), thing[relation], others.Take(1 + dice.Roll(4)));
        var isSo = dice.Roll(2) == 0;
        return Choose(dice, Wording(relation.YesNo, thing, isSo ? thing[relation] : others[0]), isSo ? "yes" : "no", [isSo ? "no" : "yes"]);
    }

    private static QuestionRow Choose(Dice dice, string question, string right, IEnumerable<string> wrong)
    {
        var choices = dice.Shuffle(wrong.Append(right));
        return QuestionRow.Ask(question, choices, Array.IndexOf(choices, right));
    }

    private static string Capitalized(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}
