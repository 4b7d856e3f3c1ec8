extern alias MlNetInternals;

using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using ICanSaveOnnx = MlNetInternals::Microsoft.ML.Model.OnnxConverter.ICanSaveOnnx;
using IDataTransform = MlNetInternals::Microsoft.ML.Data.IDataTransform;
using ISaveAsOnnx = MlNetInternals::Microsoft.ML.Model.OnnxConverter.ISaveAsOnnx;
using ITransformCanSaveOnnx = MlNetInternals::Microsoft.ML.Model.OnnxConverter.ITransformCanSaveOnnx;
using OnnxContext = MlNetInternals::Microsoft.ML.Model.OnnxConverter.OnnxContext;

namespace Microsoft.ML.Moka.DataViews.Rows;

/// <summary>
/// The rows of a source with a model's columns added; nothing is computed before a cursor is asked for them, and what was computed is kept for the next
/// pass, up to <see cref="RowMemory.BytesOfView"/>.
/// </summary>
/// <remarks>
/// ML.NET's converter to ONNX asks views of its own kind whether they can be exported, and takes any other for the source of the data: it would write a model
/// without this part, and say nothing. Being of that kind, the view is asked, and refuses.
/// </remarks>
/// <param name="source">The rows.</param>
/// <param name="mapping">The model.</param>
/// <param name="isRequest">Whether the rows are those of a request: what is told of them is told once for the model.</param>
internal sealed class ComputedView(IDataView source, RowMapping mapping, bool isRequest = false) : IDataView, ICanSaveModel, ITransformCanSaveOnnx
{
    private readonly RowMemory _memory = new(RowMemory.BytesOfView);
    private readonly ViewRemarks _remarks = new(mapping, isRequest);

    public DataViewSchema Schema => mapping.OutputSchema;

    public bool CanShuffle => source.CanShuffle;

    IDataView IDataTransform.Source => source;

    public long? GetRowCount() => source.GetRowCount();

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        var active = mapping.Activate(columnsNeeded);
        return new BlockCursor(mapping, active, source.GetRowCursor(active.InputColumns, rand), source.GetRowCount(), _memory, _remarks);
    }

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null)
    {
        var active = mapping.Activate(columnsNeeded);
        return
        [
            .. source.GetRowCursorSet(active.InputColumns, n, rand).Select(input =>
                new BlockCursor(mapping, active, input, rowCount: null, _memory, _remarks)),
        ];
    }

    bool ICanSaveOnnx.CanSaveOnnx(OnnxContext ctx) => throw NoOnnx();

    void ISaveAsOnnx.SaveAsOnnx(OnnxContext ctx) => throw NoOnnx();

    void ICanSaveModel.Save(ModelSaveContext ctx) =>
        throw new NotSupportedException("Rows with Moka's columns are not saved as a transform: save the model that made them, with MLContext.Model.Save.");

    private static NotSupportedException NoOnnx() => new(
        "A model of Moka is not exported to ONNX: ML.NET's form of it has no 4-bit language models. Save it with MLContext.Model.Save, or its weights with " +
        "SaveMerged (for Hugging Face's tools, which export them to ONNX) or SaveGguf (for llama.cpp), and convert only the other parts of the chain.");
}
