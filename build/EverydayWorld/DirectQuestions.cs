using System.Globalization;

namespace EverydayWorld;

/// <summary>A question and the word that answers it.</summary>
public sealed record DirectQuestion(string Text, string Label);

/// <summary>Questions that a word of a closed set answers: what is it made of, where is it kept.</summary>
public static class DirectQuestions
{
    /// <summary>Every question of the given relations about the things of one part, in an order drawn by seed.</summary>
    public static IReadOnlyList<DirectQuestion> About(World world, Part part, int seed, params IReadOnlyList<Relation> relations)
    {
        ArgumentNullException.ThrowIfNull(world);
        ArgumentNullException.ThrowIfNull(relations);
        var questions =
            from thing in world.ThingsOf(part)
            from relation in relations
            select new DirectQuestion(string.Format(CultureInfo.InvariantCulture, relation.Question, thing.Name), thing[relation]);
        return new Dice(seed).Shuffle(questions);
    }
}
