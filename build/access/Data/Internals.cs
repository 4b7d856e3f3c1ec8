// The members stand here with ML.NET's names and signatures, and without bodies: nothing of this file ever runs.
namespace Microsoft.ML.Data
{
    // There it is an IDataView and an ICanSaveModel as well; who implements it says so himself.
    public interface IDataTransform
    {
        IDataView Source { get; }
    }
}

namespace Microsoft.ML.Model.OnnxConverter
{
    public abstract class OnnxContext
    {
    }

    public interface ICanSaveOnnx
    {
        bool CanSaveOnnx(OnnxContext ctx);
    }

    public interface ISaveAsOnnx : ICanSaveOnnx
    {
        void SaveAsOnnx(OnnxContext ctx);
    }

    public interface ITransformCanSaveOnnx : ISaveAsOnnx, Microsoft.ML.Data.IDataTransform
    {
    }
}
