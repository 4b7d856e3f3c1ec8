using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Data
{
    internal interface IInternalCatalog
    {
        IHostEnvironment Environment { get; }
    }
}

namespace Microsoft.ML
{
    public abstract class TrainCatalogBase : IInternalCatalog
    {
        private protected TrainCatalogBase(LocalEnvironment env) => LocalEnvironment = env;

        IHostEnvironment IInternalCatalog.Environment => LocalEnvironment;

        private protected LocalEnvironment LocalEnvironment { get; }

        public abstract class CatalogInstantiatorBase : IInternalCatalog
        {
            private protected CatalogInstantiatorBase(TrainCatalogBase catalog) => Owner = catalog;

            IHostEnvironment IInternalCatalog.Environment => Owner.LocalEnvironment;

            internal TrainCatalogBase Owner { get; }
        }

        public sealed class CrossValidationResult<T>
            where T : class
        {
            public readonly T Metrics;
            public readonly ITransformer Model;
            public readonly IDataView ScoredHoldOutSet;
            public readonly int Fold;

            internal CrossValidationResult(ITransformer model, T metrics, IDataView scoredHoldOutSet, int fold)
            {
                Model = model;
                Metrics = metrics;
                ScoredHoldOutSet = scoredHoldOutSet;
                Fold = fold;
            }
        }
    }
}
