using Microsoft.ML.Moka.Drawing;

namespace Microsoft.ML.Moka.Sweeps;

/// <summary>A sweep in a notebook: its picture, and its table.</summary>
internal sealed class SweepView : NotebookFormats
{
    protected override string Write(object value)
    {
        var result = (SweepResult)value;
        return Picture(result.ToSvg) + Table(SweepTable.Header, result.Trials.Select(SweepTable.Line));
    }
}
