using Microsoft.ML.Moka.Training;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.DataViews.Columns;

/// <summary>Reads the rows of a data view as examples.</summary>
internal interface IExampleReader
{
    /// <param name="channel">Told what was skipped or cut, once, with numbers.</param>
    /// <param name="data">The rows.</param>
    /// <param name="role">What messages call them: "training" or "validation".</param>
    /// <param name="cancellation">Ends the work between two rows.</param>
    /// <exception cref="InvalidOperationException">No row can be learned from.</exception>
    IReadOnlyList<TrainingExample> Read(IChannel channel, IDataView data, string role, CancellationToken cancellation);
}
