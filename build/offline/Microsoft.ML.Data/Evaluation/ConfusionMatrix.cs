using System.Text;

namespace Microsoft.ML.Data;

public sealed class ConfusionMatrix
{
    private readonly string[] _names;

    /// <param name="counts">By true class, then by predicted class.</param>
    /// <param name="names">Of the classes.</param>
    internal ConfusionMatrix(double[][] counts, string[] names)
    {
        _names = names;
        Counts = counts;
        NumberOfClasses = counts.Length;
        PerClassRecall = [.. counts.Select((row, i) => Share(row[i], row.Sum()))];
        PerClassPrecision = [.. counts.Select((row, i) => Share(row[i], counts.Sum(r => r[i])))];
    }

    public IReadOnlyList<double> PerClassPrecision { get; }

    public IReadOnlyList<double> PerClassRecall { get; }

    public IReadOnlyList<IReadOnlyList<double>> Counts { get; }

    public int NumberOfClasses { get; }

    public double GetCountForClassPair(int predictedClassIndicatorIndex, int actualClassIndicatorIndex)
    {
        Check(predictedClassIndicatorIndex, nameof(predictedClassIndicatorIndex));
        Check(actualClassIndicatorIndex, nameof(actualClassIndicatorIndex));
        return Counts[actualClassIndicatorIndex][predictedClassIndicatorIndex];

        void Check(int index, string name) =>
            Checks.Param(0 <= index && index < NumberOfClasses, name, "Invalid index. Should be non-negative, less than the number of classes.");
    }

    /// <summary>A table with truth downwards and prediction across; classes whose names are too long for a column's head are numbered there.</summary>
    public string GetFormattedConfusionTable()
    {
        var columnWidth = NumberOfClasses == 2 ? 8 : 5;
        var longest = _names.Max(n => n.Length);
        var numbered = longest > columnWidth;
        var digits = (NumberOfClasses - 1).ToString().Length;
        var labelWidth = Math.Max("PREDICTED".Length, numbered ? longest + digits + 2 : longest);
        var rule = new string('=', (NumberOfClasses > 2 ? 8 : 11) * NumberOfClasses);
        var nameWidth = labelWidth - digits - 2;

        var table = new StringBuilder();
        table.AppendLine();
        table.AppendLine("Confusion table");
        table.AppendLine($"{Head("")}{rule}");
        table.Append(Head("PREDICTED"));
        for (var i = 0; i < NumberOfClasses; i++)
            table.Append($" {(numbered ? $"{i}" : _names[i]).PadLeft(columnWidth)} |");
        table.AppendLine(" Recall");
        table.AppendLine($"{Head("TRUTH")}{rule}");
        for (var i = 0; i < NumberOfClasses; i++)
        {
            table.Append(numbered ? $"{i.ToString().PadLeft(digits)}. {_names[i].PadLeft(nameWidth)} ||" : $"{_names[i].PadLeft(labelWidth)} ||");
            foreach (var count in Counts[i])
                table.Append($" {count.ToString("N0").PadLeft(columnWidth)} |");
            table.AppendLine($" {PerClassRecall[i],5:F4}");
        }
        table.AppendLine($"{Head("")}{rule}");
        table.Append(Head("Precision"));
        foreach (var precision in PerClassPrecision)
            table.Append($"{precision.ToString("N4").PadLeft(columnWidth + 1)} |");
        table.AppendLine();
        return table.ToString();

        string Head(string word) => word.PadRight(labelWidth + 1) + "||";
    }

    private static double Share(double part, double whole) => whole > 0 ? part / whole : 0;
}
