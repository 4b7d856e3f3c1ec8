using EverydayWorld;

namespace WebApp.Tuning;

/// <summary>A question to try, and the place of the right choice.</summary>
public sealed record ExampleQuestion(string Question, IReadOnlyList<string> Choices, int Right);

/// <summary>Questions for the page: about things that no training asks about, neither pretraining nor tuning.</summary>
internal static class ExampleQuestions
{
    private const int Count = 8;

    public static IReadOnlyList<ExampleQuestion> All { get; } = Make();

    private static List<ExampleQuestion> Make()
    {
        var dice = new Dice(1);
        return [.. dice.Shuffle(new World().ThingsOf(Part.Test)).Take(Count).Select((thing, i) =>
        {
            var relation = Relation.All[i % Relation.All.Count];
            if (i % 3 == 2)
                return new ExampleQuestion(
                    TrainingQuestions.Wording(relation.YesNo, thing, relation.Values[0]), ["yes", "no"], thing[relation] == relation.Values[0] ? 0 : 1);
            var choices = dice.Shuffle(relation.Values)[..4];
            if (!choices.Contains(thing[relation]))
                choices[0] = thing[relation];
            return new ExampleQuestion(TrainingQuestions.Wording(relation.Question, thing), choices, Array.IndexOf(choices, thing[relation]));
        })];
    }
}
