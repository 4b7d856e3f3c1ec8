namespace Microsoft.ML.Data;

/// <summary>Compares the scores of rows with their labels.</summary>
internal sealed class MulticlassEvaluator
{
    private const float Epsilon = 1e-15f;

    private readonly string[] _names;
    private readonly int _classes;
    private readonly double[][] _counts;
    private readonly double[] _rowsOfClass;
    private readonly double[] _lossOfClass;
    private readonly double[] _rowsOfRank;
    private double _loss;
    private double _rows;
    private double _correct;

    private MulticlassEvaluator(string[] names)
    {
        _names = names;
        _classes = names.Length;
        _counts = [.. names.Select(_ => new double[names.Length])];
        _rowsOfClass = new double[_classes];
        _lossOfClass = new double[_classes];
        _rowsOfRank = new double[_classes + 1];
    }

    public static MulticlassClassificationMetrics Evaluate(IDataView data, string label, string score, string predictedLabel, int topK)
    {
        var labelColumn = Find(data.Schema, label, "Label");
        var scoreColumn = Find(data.Schema, score, "Score");
        Find(data.Schema, predictedLabel, "PredictedLabel");
        Checks.Param(scoreColumn.Type is VectorDataViewType { Size: >= 2 } vector && vector.ItemType == NumberDataViewType.Single, "schema",
            $"Schema mismatch for score column '{score}': expected vector of two or more items of type Single, got {scoreColumn.Type}");
        Checks.Param(labelColumn.Type is KeyDataViewType || labelColumn.Type == NumberDataViewType.Single, "schema",
            $"Schema mismatch for label column '{label}': expected Single or Key, got {labelColumn.Type}");

        var evaluator = new MulticlassEvaluator(NamesOf(scoreColumn));
        using var cursor = data.GetRowCursor([labelColumn, scoreColumn]);
        var labels = CreateLabelGetter(cursor, labelColumn);
        var scores = cursor.GetGetter<VBuffer<float>>(scoreColumn);
        VBuffer<float> buffer = default;
        var dense = new float[evaluator._classes];
        while (cursor.MoveNext())
        {
            scores(ref buffer);
            buffer.CopyTo(dense);
            evaluator.Add(labels(), dense);
        }
        return evaluator.Finish(topK);
    }

    private static DataViewSchema.Column Find(DataViewSchema schema, string name, string role) =>
        schema.GetColumnOrNull(name) ?? throw new ArgumentOutOfRangeException(nameof(schema), $"{name} column '{role}' not found");

    private static string[] NamesOf(DataViewSchema.Column score)
    {
        var size = score.Type.VectorSize();
        if (!score.HasTexts(AnnotationUtils.Kinds.SlotNames, size))
            return [.. Enumerable.Range(0, size).Select(i => $"{i}")];
        VBuffer<ReadOnlyMemory<char>> names = default;
        score.Annotations.GetValue(AnnotationUtils.Kinds.SlotNames, ref names);
        return [.. names.DenseValues().Select(n => n.ToString())];
    }

    /// <summary>The number of the class, counted from 0; NaN where there is none.</summary>
    private static Func<float> CreateLabelGetter(DataViewRow row, DataViewSchema.Column label)
    {
        if (label.Type is not KeyDataViewType)
            return CreateReader<float>(row, label, value => value);
        if (label.Type.RawType == typeof(uint))
            return CreateReader<uint>(row, label, key => key == 0 ? float.NaN : key - 1);
        if (label.Type.RawType == typeof(byte))
            return CreateReader<byte>(row, label, key => key == 0 ? float.NaN : key - 1);
        if (label.Type.RawType == typeof(ushort))
            return CreateReader<ushort>(row, label, key => key == 0 ? float.NaN : key - 1);
        return CreateReader<ulong>(row, label, key => key == 0 ? float.NaN : key - 1);
    }

    private static Func<float> CreateReader<T>(DataViewRow row, DataViewSchema.Column column, Func<T, float> convert)
    {
        var getter = row.GetGetter<T>(column);
        T value = default;
        return () =>
        {
            getter(ref value);
            return convert(value);
        };
    }

    /// <summary>A row without a label, or with scores that are no numbers, does not count. A class that the scores do not know is never right.</summary>
    private void Add(float labelValue, float[] scores)
    {
        if (float.IsNaN(labelValue) || labelValue < 0 || labelValue != (int)labelValue || !scores.All(float.IsFinite))
            return;
        var label = (int)labelValue;
        var isKnown = label < _classes;
        var scoreOfLabel = isKnown ? scores[label] : 0;
        var loss = -Math.Log(isKnown ? Math.Clamp(scoreOfLabel, Epsilon, 1) : Epsilon);
        // Of equal scores the first comes first.
        var rank = 0;
        var predicted = 0;
        for (var i = 0; i < _classes; i++)
        {
            if (scores[i] > scoreOfLabel || (scores[i] == scoreOfLabel && i < label))
                rank++;
            if (scores[i] > scores[predicted])
                predicted = i;
        }

        _rows++;
        _loss += loss;
        _rowsOfRank[rank]++;
        if (rank == 0)
            _correct++;
        if (!isKnown)
            return;
        _rowsOfClass[label]++;
        _lossOfClass[label] += loss;
        _counts[label][rank == 0 ? label : predicted]++;
    }

    private MulticlassClassificationMetrics Finish(int topK)
    {
        var loss = Mean(_loss, _rows);
        // Of the label alone: what a guess by the shares of the classes would cost.
        var entropy = -_rowsOfClass.Where(rows => rows > 0).Sum(rows => rows * Math.Log(rows / _rows)) / _rows;
        var accuracies = _rowsOfClass.Select((rows, i) => (rows, Accuracy: Mean(_counts[i][i], rows))).Where(c => c.rows > 0).Select(c => c.Accuracy);
        return new MulticlassClassificationMetrics
        {
            MicroAccuracy = Mean(_correct, _rows),
            MacroAccuracy = accuracies.DefaultIfEmpty(0).Average(),
            LogLoss = loss,
            LogLossReduction = (entropy - loss) / entropy,
            TopKPredictionCount = topK,
            TopKAccuracyForAllK = topK > 0 ? [.. Enumerable.Range(1, Math.Min(topK, _classes + 1)).Select(k => _rowsOfRank.Take(k).Sum() / _rows)] : null,
            PerClassLogLoss = [.. _lossOfClass.Zip(_rowsOfClass, Mean)],
            ConfusionMatrix = new ConfusionMatrix(_counts, _names),
        };
    }

    private static double Mean(double sum, double count) => count > 0 ? sum / count : 0;
}
