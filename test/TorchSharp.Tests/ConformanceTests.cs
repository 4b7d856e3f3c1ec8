namespace Microsoft.ML.Moka.Tests;

public sealed class AttentionConformance : AttentionConformance<TorchBackends>;

public sealed class KroneckerConformance : KroneckerConformance<TorchBackends>;

public sealed class LinearConformance : LinearConformance<TorchBackends>;

public sealed class MemoryConformance : MemoryConformance<TorchBackends>;

public sealed class RowConformance : RowConformance<TorchBackends>;

public sealed class TrainingConformance : TrainingConformance<TorchBackends>;

public sealed class PropertyConformance : PropertyConformance<TorchBackends>;

public sealed class AdapterVectors : AdapterVectors<TorchBackends>;

public sealed class LlamaVectors : LlamaVectors<TorchBackends>;

public sealed class WeightConformance : WeightConformance<TorchBackends>;

public sealed class NewerMethods : NewerMethods<TorchBackends>;
