using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Microsoft.ML;

public sealed class TransformsCatalog : IInternalCatalog
{
    private readonly LocalEnvironment _env;

    internal TransformsCatalog(LocalEnvironment env)
    {
        _env = env;
        Conversion = new ConversionTransforms(this);
    }

    public ConversionTransforms Conversion { get; }

    IHostEnvironment IInternalCatalog.Environment => _env;

    public sealed class ConversionTransforms : IInternalCatalog
    {
        internal ConversionTransforms(TransformsCatalog owner) => LocalEnvironment = owner._env;

        internal LocalEnvironment LocalEnvironment { get; }

        IHostEnvironment IInternalCatalog.Environment => LocalEnvironment;
    }
}
