using Microsoft.ML.Data;

namespace Microsoft.ML.Moka.Tests.MlNet;

public sealed class EvaluateTests
{
    private readonly MLContext _ml = new(seed: 1);

    private sealed class Scored
    {
        [KeyType(3)]
        public uint Label;

        [KeyType(3)]
        public uint PredictedLabel { get; set; }

        [VectorType(3)]
        public float[] Score = [];
    }

    // Labels and keys of a class count from 0; 3 is no key.
    private static readonly Scored[] Rows =
    [
        new() { Label = 0, Score = [0.7f, 0.2f, 0.1f] },
        new() { Label = 0, Score = [0.3f, 0.5f, 0.2f] },
        new() { Label = 1, Score = [0.1f, 0.8f, 0.1f] },
        new() { Label = 1, Score = [0.4f, 0.4f, 0.2f] },
        new() { Label = 2, Score = [0.5f, 0.5f, 0f] },
        new() { Label = 3, Score = [1, 0, 0] },
        new() { Label = 2, Score = [float.NaN, 0, 1] },
    ];

    private MulticlassClassificationMetrics Evaluate(int topK = 0) =>
        _ml.MulticlassClassification.Evaluate(_ml.Data.LoadFromEnumerable(Rows), topKPredictionCount: topK);

    [Fact]
    public void AccuraciesCountTheFirstOfTheHighestScores()
    {
        var metrics = Evaluate();
        // Of equal scores the first wins, so that rows four and five are wrong; rows six and seven do not count.
        Assert.Equal(2 / 5.0, metrics.MicroAccuracy, 12);
        Assert.Equal((1 / 2.0 + 1 / 2.0 + 0) / 3, metrics.MacroAccuracy, 12);
        Assert.Equal(0, metrics.TopKAccuracy);
        Assert.Equal(0, metrics.TopKPredictionCount);
        Assert.Null(metrics.TopKAccuracyForAllK);
    }

    [Fact]
    public void LossIsTheMeanOfTheLogarithmsWithAFloor()
    {
        var metrics = Evaluate();
        double[] losses = [-Math.Log(0.7f), -Math.Log(0.3f), -Math.Log(0.8f), -Math.Log(0.4f), -Math.Log(1e-15f)];
        Assert.Equal(losses.Average(), metrics.LogLoss, 9);
        Assert.Equal([(losses[0] + losses[1]) / 2, (losses[2] + losses[3]) / 2, losses[4]], metrics.PerClassLogLoss.Select(l => Math.Round(l, 12)), (x, y) =>
            Math.Abs(x - y) < 1e-9);
        var entropy = -(0.4 * Math.Log(0.4) * 2 + 0.2 * Math.Log(0.2));
        Assert.Equal((entropy - losses.Average()) / entropy, metrics.LogLossReduction, 9);
    }

    [Fact]
    public void TopKAccuraciesRise()
    {
        var metrics = Evaluate(topK: 3);
        Assert.Equal(3, metrics.TopKPredictionCount);
        Assert.Equal([0.4, 0.8, 1.0], metrics.TopKAccuracyForAllK, (x, y) => Math.Abs(x - y) < 1e-12);
        Assert.Equal(1, metrics.TopKAccuracy, 12);
    }

    [Fact]
    public void TheConfusionMatrixHasTruthInRows()
    {
        var matrix = Evaluate().ConfusionMatrix;
        Assert.Equal(3, matrix.NumberOfClasses);
        Assert.Equal([1, 1, 0], matrix.Counts[0]);
        Assert.Equal([1, 1, 0], matrix.Counts[1]);
        Assert.Equal([1, 0, 0], matrix.Counts[2]);
        Assert.Equal(1, matrix.GetCountForClassPair(0, 2));
        Assert.Equal(0, matrix.GetCountForClassPair(2, 0));
        Assert.Equal([1 / 3.0, 1 / 2.0, 0], matrix.PerClassPrecision);
        Assert.Equal([1 / 2.0, 1 / 2.0, 0], matrix.PerClassRecall);
        Assert.Throws<ArgumentOutOfRangeException>(() => matrix.GetCountForClassPair(3, 0));
    }

    [Fact]
    public void TheTableNumbersClassesWithLongNames()
    {
        Assert.Equal(
            """

            Confusion table
                      ||========================
            PREDICTED ||     0 |     1 |     2 | Recall
            TRUTH     ||========================
                    0 ||     1 |     1 |     0 | 0.5000
                    1 ||     1 |     1 |     0 | 0.5000
                    2 ||     1 |     0 |     0 | 0.0000
                      ||========================
            Precision ||0.3333 |0.5000 |0.0000 |

            """,
            Evaluate().ConfusionMatrix.GetFormattedConfusionTable());
        var named = _ml.MulticlassClassification.Evaluate(Named(["positively good", "bad"], [[0.9f, 0.1f], [0.8f, 0.2f], [0.3f, 0.7f]], [0, 1, 1]));
        Assert.Equal(
            """

            Confusion table
                               ||======================
            PREDICTED          ||        0 |        1 | Recall
            TRUTH              ||======================
            0. positively good ||        1 |        0 | 1.0000
            1.             bad ||        1 |        1 | 0.5000
                               ||======================
            Precision          ||   0.5000 |   1.0000 |

            """,
            named.ConfusionMatrix.GetFormattedConfusionTable());
    }

    private sealed class TwoScores
    {
        public uint Label;

        public uint PredictedLabel { get; set; }

        public float[] Score = [];
    }

    /// <summary>A view whose score column names its slots.</summary>
    private IDataView Named(string[] names, float[][] scores, uint[] labels)
    {
        var slots = new VBuffer<ReadOnlyMemory<char>>(names.Length, [.. names.Select(n => n.AsMemory())]);
        var annotations = new DataViewSchema.Annotations.Builder();
        annotations.Add("SlotNames", new VectorDataViewType(TextDataViewType.Instance, names.Length), (ref VBuffer<ReadOnlyMemory<char>> v) =>
            slots.CopyTo(ref v));
        var schema = new DataViewSchema.Builder();
        schema.AddColumn("Label", new KeyDataViewType(typeof(uint), names.Length));
        schema.AddColumn("PredictedLabel", new KeyDataViewType(typeof(uint), names.Length));
        schema.AddColumn("Score", new VectorDataViewType(NumberDataViewType.Single, names.Length), annotations.ToAnnotations());
        return _ml.Data.LoadFromEnumerable(labels.Select((l, i) => new TwoScores { Label = l, Score = scores[i] }).ToArray(), schema.ToSchema());
    }

    private sealed class Poor
    {
        public float Label { get; set; }

        public float PredictedLabel { get; set; }

        [VectorType(1)]
        public float[] Score = [1];

        public string Text = "";
    }

    [Fact]
    public void ColumnsThatDoNotFitAreNamed()
    {
        var data = _ml.Data.LoadFromEnumerable(new[] { new Poor() });
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => _ml.MulticlassClassification.Evaluate(data));
        Assert.Contains("Schema mismatch for score column 'Score': expected vector of two or more items of type Single, got Vector<Single, 1>", error.Message);
        error = Assert.Throws<ArgumentOutOfRangeException>(() =>
            _ml.MulticlassClassification.Evaluate(_ml.Data.LoadFromEnumerable(Rows), labelColumnName: "Absent"));
        Assert.Contains("'Label' not found", error.Message);
        error = Assert.Throws<ArgumentOutOfRangeException>(() =>
            _ml.MulticlassClassification.Evaluate(_ml.Data.LoadFromEnumerable(Rows), labelColumnName: "Score"));
        Assert.Contains("Schema mismatch for label column 'Score': expected Single or Key, got Vector<Single, 3>", error.Message);
    }
}
