namespace Microsoft.ML.Moka.Tests;

/// <summary>A row of the tests' task: which of two words stands in the text decides the label.</summary>
public sealed class Row
{
    public string Label { get; set; } = "";

    public string Text { get; set; } = "";

    public static List<Row> Make(int count, int seed = 1)
    {
        var random = new Random(seed);
        string[] things = ["cup", "hat", "pen", "box", "map"];
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            var good = random.Next(2) == 0;
            return new Row { Text = $"{(good ? "nice" : "poor")} {things[random.Next(things.Length)]}", Label = good ? "yes" : "no" };
        })];
    }
}

/// <summary>What the model says of a row.</summary>
public sealed class Prediction
{
    public string PredictedLabel { get; set; } = "";

    public float[] Score { get; set; } = [];
}
