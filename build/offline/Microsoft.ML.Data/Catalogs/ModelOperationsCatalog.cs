using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Microsoft.ML;

public sealed class ModelOperationsCatalog : IInternalCatalog
{
    private readonly LocalEnvironment _env;

    internal ModelOperationsCatalog(LocalEnvironment env) => _env = env;

    IHostEnvironment IInternalCatalog.Environment => _env;
}
